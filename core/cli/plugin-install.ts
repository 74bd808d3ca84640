import { createInterface } from "node:readline/promises";
import { PluginError } from "../plugins/errors.ts";
import {
  addPlugin,
  find,
  type Installed,
  type InstallOptions,
  installLocked,
  linkPlugin,
  type Proposal,
  updatePlugin,
} from "../plugins/install.ts";
import { sentencesOf } from "../plugins/permissions.ts";
import { installedIn, pruneBundles } from "../plugins/store.ts";
import { EXIT } from "./errors.ts";
import { plain, plural } from "./format.ts";
import type { PluginOptions } from "./plugin.ts";
import { builtInLock, pluginFolder, say } from "./plugin-folder.ts";

export async function add(what: string, options: PluginOptions): Promise<number> {
  return told(await addPlugin(what, process.cwd(), settings(options)), "added");
}

export async function link(folder: string, options: PluginOptions): Promise<number> {
  return told(
    await linkPlugin(folder, process.cwd(), settings(options)),
    "linked: a pump that runs reloads it when it changes",
  );
}

/** Without a name: all, links aside. */
export async function update(name: string | undefined, options: PluginOptions): Promise<number> {
  const { folder, ...rest } = settings(options);
  const names =
    name === undefined ? installedIn(folder).plugins.flatMap((one) => (one.requested ? [one.name] : [])) : [name];
  if (names.length === 0) say(`There is nothing to update in ${folder}: linked plugins run as their folders are.`);
  let code: number = EXIT.ok;
  for (const one of names) {
    const before = find(folder, one);
    const after = await updatePlugin(one, { folder, ...rest });
    if (after && JSON.stringify(after) === JSON.stringify(before)) say(`${one} ${after.version} is up to date.`);
    else code = Math.max(code, told(after, `updated from ${before.version}`));
  }
  return code;
}

export async function installAll({ frozen = false, ...options }: PluginOptions): Promise<number> {
  const { folder, ...rest } = settings(options);
  const installed = await installLocked({ folder, ...rest, frozen });
  for (const { name, done } of installed) say(`${name}: ${done}`);
  if (installed.length === 0) say(`No plugin is locked in ${folder}.`);
  const unused = pruneBundles(folder).length;
  if (unused > 0) say(`Deleted, since no entry of the lock names them: ${unused} ${plural(unused, "bundle")}.`);
  return EXIT.ok;
}

function settings({ accept, ...options }: PluginOptions): InstallOptions {
  return {
    folder: pluginFolder(options),
    builtIn: builtInLock(),
    consent: (proposal) => ask(proposal, accept === true),
  };
}

/** What it is and what it asks for; only what is new wants a yes. */
async function ask({ manifest, before, more }: Proposal, accept: boolean): Promise<boolean> {
  const { name, version, sluice } = manifest;
  const from = before && before.version !== version ? `${before.version} -> ` : "";
  say(`${name} ${from}${version}, sinks: ${sluice.types.join(", ")}; runs in a ${isolated(sluice.isolation)}`);
  const rights = sentencesOf(sluice.permissions);
  const added = new Set(sentencesOf(more));
  const isWider = added.size > 0;
  say(rights.length === 0 ? "It asks for nothing but the paths in its configuration." : "It asks to:");
  for (const right of rights) say(`  ${plain(right)}`);
  if (before && isWider) {
    say("More than it was granted:");
    for (const right of added) say(`  ${plain(right)}`);
  }
  const isLooser = sluice.isolation === "worker" && before?.isolation === "process";
  if (isLooser) say("It no longer runs in a process of its own.");
  if (accept || (before && !isWider && !isLooser)) return true;
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new PluginError(
      "SLUICE_PLUGIN_PERMISSIONS",
      "Nobody is there to ask: look at the rights above and grant them with --accept",
    );
  }
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question("Grant this? [y/N] ")).trim());
  } finally {
    lines.close();
  }
}

function isolated(isolation: "worker" | "process"): string {
  return isolation === "worker"
    ? "thread under Node's permission model"
    : "process of its own under Node's permission model";
}

function told(plugin: Installed, what: string): number {
  if (!plugin) {
    say("Nothing was changed.");
    return EXIT.failed;
  }
  say(
    `${plugin.name} ${plugin.version} ${what}. Use it under "pumps" as { "type": ${JSON.stringify(plugin.types[0]!.type)} }.`,
  );
  return EXIT.ok;
}

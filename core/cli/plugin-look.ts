import type { Schema } from "../config/fields.ts";
import { expected } from "../config/fields.ts";
import { PluginError } from "../plugins/errors.ts";
import { find, verifyPlugins } from "../plugins/install.ts";
import type { LockedPlugin, LockedType } from "../plugins/lock.ts";
import { sentencesOf } from "../plugins/permissions.ts";
import { installedIn, unlockIn } from "../plugins/store.ts";
import { EXIT } from "./errors.ts";
import { formatTable, plain, plural } from "./format.ts";
import type { PluginOptions } from "./plugin.ts";
import { builtInLock, pluginFolder, say } from "./plugin-folder.ts";

const LIST = ["sink type", "plugin", "version", "source", "runs in"].map((title) => ({
  title,
  align: "left" as const,
}));
const SETTINGS = ["setting", "value", "default", ""].map((title) => ({ title, align: "left" as const }));

export function list(options: PluginOptions): number {
  const plugins = all(options);
  if (options.json) {
    say(
      JSON.stringify(
        plugins.map(({ dependencies: _, files: __, ...plugin }) => plugin),
        null,
        2,
      ),
    );
    return EXIT.ok;
  }
  const rows = plugins.flatMap((plugin) =>
    plugin.types.map(({ type }) => [type, plugin.name, plugin.version, sourceOf(plugin), plugin.isolation]),
  );
  for (const line of formatTable(
    LIST,
    rows.toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
  ))
    say(line);
  return EXIT.ok;
}

export function info(type: string, options: PluginOptions): number {
  const wanted = type.toLowerCase();
  for (const plugin of all(options)) {
    const found = plugin.types.find((one) => one.type === wanted);
    if (!found) continue;
    if (options.json) say(JSON.stringify({ ...plugin, types: [found] }, null, 2));
    else describe(plugin, found);
    return EXIT.ok;
  }
  throw new PluginError(
    "SLUICE_PLUGIN_UNKNOWN",
    `No plugin has the sink type ${plain(type)}. See \`sluice plugin list\`.`,
  );
}

function describe(plugin: LockedPlugin, { type, reads, schema }: LockedType): void {
  const { name, version, isolation, permissions } = plugin;
  say(`${type}: takes ${reads} records; ${name} ${version} (${sourceOf(plugin)}), in a ${isolation}`);
  const rights = sentencesOf(permissions);
  say(rights.length === 0 ? "Granted: nothing but the paths in its configuration" : "Granted:");
  for (const right of rights) say(`  ${plain(right)}`);
  const { properties = {}, required = [] } = schema as Schema;
  const rows = Object.entries(properties).map(([key, one]) => [
    key,
    expected(one),
    one.default === undefined ? (required.includes(key) ? "must be set" : "") : JSON.stringify(one.default),
    plain(one.description ?? ""),
  ]);
  if (rows.length === 0) return say("It has no settings.");
  say("");
  for (const line of formatTable(SETTINGS, rows)) say(line);
}

export function verify(options: PluginOptions): number {
  const folder = pluginFolder(options);
  const findings = verifyPlugins(folder);
  for (const { plugin, fault } of findings) say(`${plugin}: ${fault}`);
  if (findings.length > 0) return EXIT.failed;
  const { length } = installedIn(folder).plugins;
  say(`${length} ${plural(length, "plugin")} in ${folder}: every file is as it was locked.`);
  return EXIT.ok;
}

export function remove(name: string, options: PluginOptions): number {
  const folder = pluginFolder(options);
  find(folder, name);
  unlockIn(folder, name);
  say(
    `${name} removed. Its bundle is deleted by the next \`sluice plugin install\`: a pump that runs may still use it.`,
  );
  return EXIT.ok;
}

function all(options: PluginOptions): LockedPlugin[] {
  return [...builtInLock().plugins, ...installedIn(pluginFolder(options)).plugins];
}

function sourceOf({ source, requested, entry }: LockedPlugin): string {
  if (source === "workspace") return "Sluice";
  return source === "link" ? `link to ${entry}` : (requested ?? "");
}

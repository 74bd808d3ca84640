import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { moduleFolders } from "./confine.ts";
import { describePlugin } from "./describe.ts";
import { PluginError } from "./errors.ts";
import { exactly, type Request, requestOf } from "./fetch.ts";
import { hashFolder, readVerified } from "./files.ts";
import { formatLock, isSealed, type LockedPlugin, type PluginLock, sealed } from "./lock.ts";
import { incompatibility, type Manifest, readManifest } from "./manifest.ts";
import { type Permissions, widening } from "./permissions.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { installedIn, lockIn, putBundle } from "./store.ts";

/** What is about to be installed, for a person to say yes to. */
export interface Proposal {
  manifest: Manifest;
  /** What is installed now under this name. */
  before: LockedPlugin | undefined;
  /** What it asks for beyond what it was granted. */
  more: Permissions;
}

export interface InstallOptions {
  /** Of the operator's plugins. */
  folder: string;
  /** The lock of the plugins that Sluice brings. */
  builtIn: PluginLock;
  /** Asked before any of its code runs. False: nothing is changed. */
  consent(proposal: Proposal): Promise<boolean>;
}

/** `null`: it was not wanted. */
export type Installed = LockedPlugin | null;

/** `sluice plugin add`: what `text` names, relative to `cwd`. Throws PluginError, LockError. */
export function addPlugin(text: string, cwd: string, options: InstallOptions): Promise<Installed> {
  return installFrom(requestOf(text, cwd, options.folder), options);
}

/** `sluice plugin update`: what was asked for, as it is now. */
export function updatePlugin(name: string, options: InstallOptions): Promise<Installed> {
  const plugin = find(options.folder, name);
  if (plugin.requested === undefined) {
    throw new PluginError(
      "SLUICE_PLUGIN_UNKNOWN",
      `${name} is a link: it is always as its folder is. Nothing to update.`,
    );
  }
  return installFrom({ spec: plugin.requested }, options);
}

export function find(folder: string, name: string): LockedPlugin {
  const { plugins } = installedIn(folder);
  const found = plugins.find((plugin) => plugin.name === name);
  if (found) return found;
  const names = plugins.map((plugin) => plugin.name).join(", ") || "none";
  throw new PluginError("SLUICE_PLUGIN_UNKNOWN", `No plugin ${name} is installed in ${folder}. There are: ${names}.`);
}

async function installFrom(request: Request, options: InstallOptions): Promise<Installed> {
  return inWorkFolder(async (work) => {
    const prepared = await prepare(request, { folder: options.folder, work });
    if (!(await agreed(prepared.manifest, options))) return null;
    const plugin = await complete(prepared);
    putBundle(options.folder, plugin.entry, prepared.bundle);
    lockIn(options.folder, plugin);
    return plugin;
  });
}

/** `sluice plugin link`: the folder as it is, and as it will be. */
export async function linkPlugin(text: string, cwd: string, options: InstallOptions): Promise<Installed> {
  const source = resolve(cwd, text);
  const manifest = readManifest(source);
  const { name, version, sluice } = manifest;
  const { api, features, permissions, isolation } = sluice;
  const conflict = incompatibility({ name, version, api, features });
  if (conflict) throw new PluginError("SLUICE_PLUGIN_API", `${conflict.message} ${conflict.mend}`);
  if (!(await agreed(manifest, options))) return null;
  const entry = join(source, sluice.entry);
  const types = await describePlugin(manifest, { entry, roots: [source, ...moduleFolders(source)], files: null });
  const plugin = sealed({
    name,
    version,
    source: "link",
    entry: relative(options.folder, entry),
    folder: relative(dirname(entry), source) || ".",
    api,
    features,
    permissions,
    isolation,
    types,
  });
  lockIn(options.folder, plugin);
  return plugin;
}

async function agreed(manifest: Manifest, { folder, builtIn, consent }: InstallOptions): Promise<boolean> {
  const { plugins } = installedIn(folder);
  const before = plugins.find(({ name }) => name === manifest.name);
  refuseTaken(manifest, [...builtIn.plugins, ...plugins]);
  // What was changed by hand was not granted.
  const granted = before && isSealed(before) ? before.permissions : {};
  return consent({ manifest, before, more: widening(granted, manifest.sluice.permissions) });
}

/** A sink type belongs to one plugin. */
function refuseTaken({ name, sluice }: Manifest, plugins: readonly LockedPlugin[]): void {
  for (const other of plugins) {
    if (other.name === name && other.source !== "workspace") continue;
    const taken = other.types
      .map(({ type }) => type)
      .filter((type) => other.name === name || sluice.types.includes(type));
    if (taken.length === 0) continue;
    const mend =
      other.source === "workspace"
        ? "It is part of Sluice: choose another plugin."
        : `Remove that first: \`sluice plugin remove ${other.name}\`.`;
    throw new PluginError(
      "SLUICE_PLUGIN_TAKEN",
      `${other.name} already has the sink type ${taken.join(", ")}. ${mend}`,
    );
  }
}

/** Runs its code for the first time, confined, to see what it exports. */
async function complete({ manifest, plugin, bundle }: Prepared): Promise<LockedPlugin> {
  const entry = join(bundle, basename(plugin.entry));
  const types = await describePlugin(manifest, { entry, roots: [bundle], files: plugin.files ?? null });
  return sealed({ ...plugin, types });
}

/** What became of one entry of the lock. */
export interface Reinstalled {
  name: string;
  /** "there": nothing was to be done; "left": a change was not wanted. */
  done: "there" | "written" | "changed" | "left";
}

/**
 * `sluice plugin install`: every bundle that the lock names, made again where it is missing or damaged. What comes out otherwise
 * than locked is drift: refused where `frozen`, else proposed like an update. Throws PluginError.
 */
export async function installLocked(options: InstallOptions & { frozen: boolean }): Promise<Reinstalled[]> {
  const done: Reinstalled[] = [];
  for (const plugin of installedIn(options.folder).plugins) {
    done.push({ name: plugin.name, done: await installOne(plugin, options) });
  }
  return done;
}

async function installOne(
  plugin: LockedPlugin,
  options: InstallOptions & { frozen: boolean },
): Promise<Reinstalled["done"]> {
  const { folder, frozen } = options;
  const { name, version, requested } = plugin;
  const isIntact = isSealed(plugin) && faultOf(folder, plugin) === undefined;
  if (isIntact || requested === undefined) return "there";
  return inWorkFolder(async (work) => {
    const fetched = await prepare(exactly(requested, name, version), { folder, work, locked: plugin });
    const prepared = { ...fetched, plugin: { ...fetched.plugin, requested } };
    const same = sealed({ ...prepared.plugin, types: plugin.types });
    if (text(same) === text(plugin)) {
      putBundle(folder, plugin.entry, prepared.bundle);
      return "written";
    }
    if (frozen) {
      const message = `${name} ${version} comes out otherwise than plugins.lock.json says (${differences(plugin, same)}).`;
      throw new PluginError("SLUICE_PLUGIN_DRIFT", `${message} Look at it with \`sluice plugin update ${name}\`.`);
    }
    if (!(await agreed(prepared.manifest, options))) return "left";
    const next = await complete(prepared);
    putBundle(folder, next.entry, prepared.bundle);
    lockIn(folder, next);
    return "changed";
  });
}

function text(plugin: LockedPlugin): string {
  return formatLock({ lockVersion: 1, plugins: [plugin] });
}

function differences(before: LockedPlugin, after: LockedPlugin): string {
  const keys = Object.keys({ ...before, ...after }) as (keyof LockedPlugin)[];
  const changed = keys.filter((key) => key !== "seal" && JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return changed.join(", ") || "only by hand";
}

export interface Finding {
  plugin: string;
  fault: string;
}

/** `sluice plugin verify`: what of the lock and the bundles cannot be trusted; nothing where all is well. */
export function verifyPlugins(folder: string): Finding[] {
  return installedIn(folder).plugins.flatMap((plugin) => {
    const fault = isSealed(plugin)
      ? (faultOf(folder, plugin) ?? strangeFiles(folder, plugin) ?? incompatibility(plugin)?.message)
      : "its entry in plugins.lock.json was changed by hand or by a merge";
    return fault === undefined ? [] : [{ plugin: plugin.name, fault }];
  });
}

function faultOf(folder: string, { entry, files }: LockedPlugin): string | undefined {
  if (!files) return undefined;
  try {
    const path = join(folder, entry);
    readVerified(dirname(path), files, basename(path));
    return undefined;
  } catch (error) {
    if (error instanceof PluginError) return error.message;
    throw error;
  }
}

/** Files that nobody locked are not run, but nobody put them there for nothing. */
function strangeFiles(folder: string, { entry, files }: LockedPlugin): string | undefined {
  if (!files) return undefined;
  const strange = Object.keys(hashFolder(dirname(join(folder, entry)))).filter((path) => !Object.hasOwn(files, path));
  return strange.length > 0
    ? `files lie beside its bundle that plugins.lock.json does not name: ${strange.join(", ")}`
    : undefined;
}

async function inWorkFolder<T>(run: (work: string) => Promise<T>): Promise<T> {
  const work = mkdtempSync(join(tmpdir(), "sluice-plugin-"));
  try {
    return await run(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

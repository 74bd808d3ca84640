import { randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { formatLock, type LockedPlugin, type PluginLock, readOperatorLock } from "./lock.ts";

/** Beside the configuration: what an operator has installed. */
export const FOLDER = "sluice-plugins";
export const LOCK_NAME = "plugins.lock.json";
export const BUNDLES = "bundles";
export const FOLDER_VARIABLE = "SLUICE_PLUGINS";

export interface Whereabouts {
  /** The configuration file, absolute; null: none. */
  conf: string | null;
  /** As given on the command line. */
  folder?: string | undefined;
  variables: { read(name: string): string | undefined };
  cwd: string;
}

/** The folder of the operator's plugins: as given, else SLUICE_PLUGINS, else beside the configuration, else in the working folder. */
export function operatorFolder({ conf, folder, variables, cwd }: Whereabouts): string {
  const named = folder ?? (variables.read(FOLDER_VARIABLE) || undefined);
  return named === undefined ? join(conf === null ? cwd : dirname(conf), FOLDER) : resolve(cwd, named);
}

export function operatorLock(where: Whereabouts): string {
  return join(operatorFolder(where), LOCK_NAME);
}

/** What an operator has installed in `folder`. Throws LockError. */
export function installedIn(folder: string): PluginLock {
  return readOperatorLock(join(folder, LOCK_NAME));
}

/** Puts `plugin` in the lock in place of one of its name; all or nothing. Others' entries are read anew. */
export function lockIn(folder: string, plugin: LockedPlugin): void {
  const others = installedIn(folder).plugins.filter(({ name }) => name !== plugin.name);
  writeLock(folder, [...others, plugin]);
}

/** Takes it out of the lock. False: it is not there. */
export function unlockIn(folder: string, name: string): boolean {
  const { plugins } = installedIn(folder);
  const others = plugins.filter((plugin) => plugin.name !== name);
  if (others.length === plugins.length) return false;
  writeLock(folder, others);
  return true;
}

function writeLock(folder: string, plugins: LockedPlugin[]): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, LOCK_NAME);
  const next = `${file}.${suffix()}`;
  writeFileSync(next, formatLock({ lockVersion: 1, plugins }));
  renameSync(next, file);
}

/** Puts a bundle where the lock's entry says, in one step; what lies there already is replaced. */
export function putBundle(folder: string, entry: string, bundle: string): void {
  const place = dirname(join(folder, entry));
  const next = `${place}.${suffix()}`;
  mkdirSync(dirname(place), { recursive: true });
  cpSync(bundle, next, { recursive: true });
  rmSync(place, { recursive: true, force: true });
  renameSync(next, place);
}

/** Deletes the bundles that no entry names. Not done on the way: a pump that runs may still use them. */
export function pruneBundles(folder: string): string[] {
  const bundles = join(folder, BUNDLES);
  if (!existsSync(bundles)) return [];
  const used = new Set(installedIn(folder).plugins.map(({ entry }) => basename(dirname(entry))));
  const unused = readdirSync(bundles).filter((name) => !used.has(name));
  for (const name of unused) rmSync(join(bundles, name), { recursive: true, force: true });
  return unused;
}

function suffix(): string {
  return `${randomBytes(6).toString("hex")}.new`;
}

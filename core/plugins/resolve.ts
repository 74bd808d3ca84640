import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ResolvedPlugin } from "../config/config.ts";
import type { Schema } from "../config/fields.ts";
import { moduleFolders } from "./confine.ts";
import { PluginError } from "./errors.ts";
import { readVerified } from "./files.ts";
import { isSealed, type LockedPlugin, type LockedType, type PluginLock } from "./lock.ts";
import { incompatibility } from "./manifest.ts";
import { pathKeysOf } from "./paths.ts";

export interface ResolvedType {
  plugin: ResolvedPlugin;
  /** What the lock says of the type: its schema, what it reads. */
  type: LockedType;
  /** Entries of the lock that have this type: more than one is a conflict. */
  claims: LockedPlugin[];
}

/** Why a plugin may not run, and what to do. */
export interface Refusal {
  message: string;
  mend: string;
}

/** The plugin that has this sink type, letter case aside; undefined if none has. `file`: where the lock lies. */
export function resolveType(lock: PluginLock, type: string, file: string): ResolvedType | undefined {
  const wanted = type.toLowerCase();
  const claims = lock.plugins.filter((plugin) => plugin.types.some((one) => one.type === wanted));
  const [plugin] = claims;
  const found = plugin?.types.find((one) => one.type === wanted);
  if (!plugin || !found) return undefined;
  const { name, version, api, features, permissions, isolation, files = null } = plugin;
  const path = resolve(dirname(file), plugin.entry);
  const entry = pathToFileURL(path).href;
  const pathKeys = pathKeysOf(found.schema as Schema);
  const roots = rootsOf(plugin, path);
  const rights = { permissions, isolation, roots, link: plugin.source === "link" ? roots[0]! : null, pathKeys };
  return { plugin: { name, version, entry, api, features, files, ...rights }, type: found, claims };
}

/** All sink types of a lock, sorted. */
export function typesOf(lock: PluginLock): string[] {
  return [...new Set(lock.plugins.flatMap((plugin) => plugin.types.map((one) => one.type)))].sort();
}

/**
 * Checks what can be checked without running any of its code: the lock's entry, the version of the contract, the hash of
 * every file. undefined: it may run.
 */
export function refusalOf({ plugin, type, claims }: ResolvedType): Refusal | undefined {
  const [claim, ...others] = claims;
  if (others.length > 0) {
    const names = claims.map(({ name }) => name).join(" and ");
    return {
      message: `${names} both have the sink type "${type.type}".`,
      mend: `Remove one of them: \`sluice plugin remove ${others[0]!.name}\`.`,
    };
  }
  if (!isSealed(claim!)) {
    return {
      message: `The entry of ${plugin.name} in plugins.lock.json was changed by hand or by a merge.`,
      mend: `Restore it, or look at what it asks for and lock it again: \`sluice plugin update ${plugin.name}\`.`,
    };
  }
  return incompatibility(plugin) ?? tamperedWith(plugin);
}

function tamperedWith({ entry, files }: ResolvedPlugin): Refusal | undefined {
  if (!files) return undefined;
  const path = fileURLToPath(entry);
  try {
    readVerified(dirname(path), files, basename(path));
    return undefined;
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return { message: "A file of its plugin cannot be trusted.", mend: error.message };
  }
}

/** Folders that a plugin's code is read from. A bundle has all in its own. */
function rootsOf({ source, folder }: LockedPlugin, entry: string): string[] {
  if (source === "package") return [dirname(entry)];
  const own = source === "link" ? join(dirname(entry), folder ?? ".") : dirname(entry);
  return [own, ...moduleFolders(own)];
}

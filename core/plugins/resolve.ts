import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ResolvedPlugin } from "../config/config.ts";
import type { LockedType, PluginLock } from "./lock.ts";

export interface ResolvedType {
  plugin: ResolvedPlugin;
  /** What the lock says of the type: its schema, what it reads. */
  type: LockedType;
}

/** The plugin that has this sink type, letter case aside; undefined if none has. `file`: where the lock lies. */
export function resolveType(lock: PluginLock, type: string, file: string): ResolvedType | undefined {
  const wanted = type.toLowerCase();
  for (const plugin of lock.plugins) {
    const found = plugin.types.find((one) => one.type === wanted);
    if (!found) continue;
    const { name, version, api, features } = plugin;
    const entry = pathToFileURL(resolve(dirname(file), plugin.entry)).href;
    return { plugin: { name, version, entry, api, features }, type: found };
  }
  return undefined;
}

/** All sink types of a lock, sorted. */
export function typesOf(lock: PluginLock): string[] {
  return lock.plugins.flatMap((plugin) => plugin.types.map((one) => one.type)).sort();
}

import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Schema } from "../config/fields.ts";

/** A key of a sink's configuration whose value is a path that the sink may use; "*" stands for any item or name. */
export interface PathKey {
  keys: string[];
  access: "read" | "write";
  /** Only where the keys beside it have these values. */
  when?: { [key: string]: unknown };
  /** The value is a string of `word=value` pairs: these words have the paths. */
  words?: string[];
}

export interface Paths {
  read: string[];
  write: string[];
}

/** The keys that a schema marks with `path`. */
export function pathKeysOf(schema: Schema, keys: string[] = []): PathKey[] {
  const { path: access, pathWhen: when, pathWords: words } = schema;
  const own: PathKey[] = access ? [{ keys, access, ...(when && { when }) }] : [];
  if (words) own.push({ keys, access: "read", words });
  const nested = Object.entries(schema.properties ?? {}).flatMap(([key, one]) => pathKeysOf(one, [...keys, key]));
  const items = [schema.items, ...Object.values(schema.patternProperties ?? {})].flatMap((one) =>
    one ? pathKeysOf(one, [...keys, "*"]) : [],
  );
  return [...own, ...nested, ...items];
}

/** The paths that a configuration has under these keys, absolute. */
export function pathsIn(config: unknown, pathKeys: readonly PathKey[]): Paths {
  const paths: Paths = { read: [], write: [] };
  for (const { keys, access, when = {}, words } of pathKeys) {
    const beside = valuesAt(config, keys.slice(0, -1));
    if (Object.entries(when).some(([key, value]) => !beside.some((one) => valuesAt(one, [key])[0] === value))) continue;
    for (const value of valuesAt(config, keys)) {
      if (typeof value !== "string") continue;
      for (const path of words ? wordsIn(value, words) : [value]) paths[access].push(resolve(path));
    }
  }
  return paths;
}

/** Of `a=b c='d e'`, or of a URL's query. */
function wordsIn(text: string, words: readonly string[]): string[] {
  if (/^\w+:\/\//.test(text)) {
    const query = new URLSearchParams(text.slice(text.indexOf("?") + 1));
    return words.flatMap((word) => query.getAll(word));
  }
  const pairs = text.matchAll(/(?:^|\s)(\w+)\s*=\s*(?:'([^']*)'|([^\s']+))/g);
  return [...pairs].flatMap(([, word, quoted, plain]) => (words.includes(word!) ? [quoted ?? plain!] : []));
}

function valuesAt(value: unknown, keys: readonly string[]): unknown[] {
  const [key, ...rest] = keys;
  if (key === undefined) return Array.isArray(value) ? value : [value];
  if (typeof value !== "object" || value === null) return [];
  if (key === "*") return Object.values(value).flatMap((one) => valuesAt(one, rest));
  return Object.hasOwn(value, key) ? valuesAt((value as { [key: string]: unknown })[key], rest) : [];
}

/** The folders above `path` that are not there: who may write it may make them. */
export function missingAbove(path: string): string[] {
  const missing: string[] = [];
  for (let folder = dirname(path); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  return missing;
}

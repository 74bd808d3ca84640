import { decode, inherit, join, strict } from "./decode.ts";
import type { Draft, Scope, Values } from "./draft.ts";
import { choices, expected, kindOf, mapItem, outOfBounds, type Schema, variableSuffix } from "./fields.ts";
import { parseJson } from "./json.ts";
import { nearest } from "./nearest.ts";
import { parseBoolean, parseDuration, parseInteger, parseNumber } from "./scalars.ts";
import { isReference } from "./secrets/reference.ts";

export type Environment = { readonly [name: string]: string | undefined };

/** The variables, and which of them meant something. */
export class Variables {
  readonly #env: Environment;
  readonly #used = new Set<string>();
  /** Names that would have been read, for what was meant. */
  readonly #known = new Set<string>();

  constructor(env: Environment) {
    this.#env = env;
  }

  read(name: string): string | undefined {
    this.#known.add(name);
    const value = this.#env[name];
    if (value !== undefined) this.#used.add(name);
    return value;
  }

  names(prefix: string): string[] {
    return Object.keys(this.#env).filter((name) => name.startsWith(prefix) && this.#env[name] !== undefined);
  }

  /** Those of these names that nothing has read; from now on they count as read. */
  takeUnread(prefix: string): string[] {
    const unread = this.names(prefix).filter((name) => !this.#used.has(name));
    for (const name of unread) this.#used.add(name);
    return unread;
  }

  /** Warns of each variable under these prefixes, whatever its letter case, that nothing has read. */
  reportUnused(prefixes: readonly string[], draft: Draft): void {
    for (const name of Object.keys(this.#env)) {
      const upper = name.toUpperCase();
      if (this.#used.has(name) || !prefixes.some((prefix) => upper.startsWith(prefix)) || FOREIGN.test(name)) continue;
      const close = this.#known.has(upper) ? upper : nearest(name, this.#known);
      draft.report(
        "SLUICE_CONFIG_UNKNOWN_VARIABLE",
        { severity: "warning" },
        {
          place: name,
          message: "This variable is not known and is ignored.",
          mend: close === undefined ? "Remove it." : `Did you mean ${close}?`,
        },
      );
    }
  }
}

/** Kubernetes and Docker set these for a service that is called sluice; the last says where a pump's control socket lies. */
const FOREIGN = /^SLUICE_(SERVICE_|PORT$|PORT_\d|RUN_DIR$)/;

export interface VariableReading {
  draft: Draft;
  scope: Scope;
  variables: Variables;
}

/**
 * Sets the fields of an object from `<prefix><SUFFIX>` variables, nested objects with `_` between. A variable set to the
 * empty text counts as set. One that cannot be read is reported and changes nothing; the others are still read.
 */
export function applyVariables(schema: Schema, prefix: string, path: string, into: Values, how: VariableReading): void {
  for (const [key, field] of Object.entries(schema.properties ?? {})) {
    const name = prefix + variableSuffix(key, field);
    const at = join(path, key);
    const here = field.strict ? strict(how) : how;
    const kind = kindOf(field);
    if (kind === "object") {
      const nested: Values = (into[key] as Values | undefined) ?? {};
      applyVariables(field, `${name}_`, at, nested, here);
      if (Object.keys(nested).length > 0) into[key] = nested;
      continue;
    }
    if (kind === "raw" || (kind === "map" && kindOf(mapItem(field)!) === "raw")) continue;
    const set = [name, field.variable].find((one) => one !== undefined && how.variables.read(one) !== undefined);
    if (set === undefined) continue;
    const text = how.variables.read(set)!;
    how.draft.hideWithin(text);
    const value = readText(field, text, set, at, here);
    if (value === undefined) continue;
    into[key] = value;
    how.draft.found(at, set);
    if (field.secret) how.draft.hide(value);
    if (isReference(text)) how.draft.refers(at, text);
  }
}

function readText(schema: Schema, text: string, name: string, path: string, how: VariableReading): unknown {
  const before = how.draft.problems.length;
  const value = parseText(schema, text, name, path, how);
  // A part of it has been reported.
  if (value === undefined && how.draft.problems.length > before) return undefined;
  const why = value === undefined ? `must be ${expected(schema)}` : outOfBounds(schema, value);
  if (why === undefined) return value;
  const problem = how.draft.report("SLUICE_CONFIG_BAD_VALUE", how.scope, {
    place: name,
    message: `The value ${why}${schema.secret || text.length > 60 ? "" : `, but is ${JSON.stringify(text)}`}.`,
    mend: how.scope.severity === "warning" ? "Correct or unset it; until then it is ignored." : "Correct or unset it.",
  });
  how.draft.unreadable(path, problem);
  return undefined;
}

function parseText(schema: Schema, text: string, name: string, path: string, how: VariableReading): unknown {
  switch (kindOf(schema)) {
    case "string":
      return isReference(text) ? how.draft.resolve(text, path, name, how.scope) : text;
    case "integer":
      return parseInteger(text);
    case "number":
      return parseNumber(text);
    case "boolean":
      return parseBoolean(text);
    case "duration":
      return parseDuration(text);
    case "choice":
      return choices(schema).find((one) => String(one) === text);
    case "list":
      return parseItems(schema, text, "[", name, path, how) ?? splitList(schema, text, name, path, how);
    case "map":
      if (kindOf(mapItem(schema)!) === "object") return parseItems(schema, text, "{", name, path, how);
      return parseItems(schema, text, "{", name, path, how) ?? splitMap(schema, text, name, path, how);
    case "either": {
      for (const one of schema.anyOf ?? []) {
        const value = parseText(one, text, name, path, how);
        if (value !== undefined) return value;
      }
      return undefined;
    }
    default: {
      const json = parseJson(text);
      if ("fault" in json) return kindOf(schema) === "any" ? text : undefined;
      return decode(schema, json, path, undefined, decoding(name, how));
    }
  }
}

/** JSON text, where it begins like it. */
function parseItems(
  schema: Schema,
  text: string,
  start: string,
  name: string,
  path: string,
  how: VariableReading,
): unknown {
  if (!text.trimStart().startsWith(start)) return undefined;
  const json = parseJson(text);
  return "fault" in json ? undefined : decode(schema, json, path, undefined, decoding(name, how));
}

/** `a, b`: trimmed; the blank text is the empty list. */
function splitList(
  schema: Schema,
  text: string,
  name: string,
  path: string,
  how: VariableReading,
): unknown[] | undefined {
  if (text.trim() === "") return [];
  const item = inherit(schema, schema.items ?? {});
  const values = text.split(",").map((part) => parseText(item, part.trim(), name, path, how));
  return values.includes(undefined) ? undefined : values;
}

/**
 * `key:value, key:value`, split at the first colon. Of hosts and ports items without a colon are left out, and what follows
 * a second one is dropped, as in Tyk Pump.
 */
function splitMap(schema: Schema, text: string, name: string, path: string, how: VariableReading): Values | undefined {
  const map: Values = Object.create(null);
  if (text.trim() === "") return map;
  // JSON that has been looked at.
  if (text.trimStart().startsWith("{")) return undefined;
  const item = inherit(schema, mapItem(schema)!);
  const ports = kindOf(item) !== "string";
  for (const part of text.split(",")) {
    const [key, ...values] = part.trim().split(":");
    if (values.length === 0 && ports) continue;
    if (ports) values.length = 1;
    const read = values.length === 0 ? undefined : parseText(item, values.join(":"), name, path, how);
    if (read === undefined) return undefined;
    map[key!] = read;
  }
  return Object.keys(map).length === 0 ? undefined : map;
}

function decoding(name: string, how: VariableReading) {
  return { draft: how.draft, scope: how.scope, place: () => name, loose: false };
}

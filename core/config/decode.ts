import type { Draft, Scope, Values } from "./draft.ts";
import { choices, expected, kindOf, mapItem, outOfBounds, type Schema } from "./fields.ts";
import { type Json, type ObjectJson, type Position, toPlain, toText } from "./json.ts";
import { nearest } from "./nearest.ts";
import { parseDuration } from "./scalars.ts";
import { isReference } from "./secrets/reference.ts";

/** Names a place, as problems do. */
export type Place = (at: Position, path: string) => string;

export interface Decoding {
  draft: Draft;
  scope: Scope;
  /** Names the place of a node. */
  place: Place;
  /** How `meta` is read: a number is cut to a whole one, and an exactly spelt key wins over other letter cases. */
  loose: boolean;
}

/**
 * Reads an object into `into`, as Go's encoding/json reads one into a struct: keys match exactly or else without regard
 * to case, repeated objects merge, repeated scalars: the last counts, null changes nothing. What has the wrong type is
 * reported and left as it was; everything else is taken.
 */
export function decodeObject(schema: Schema, json: ObjectJson, path: string, into: Values, how: Decoding): void {
  const properties = schema.properties ?? {};
  const found = json.members.map((member) => ({ ...member, name: propertyFor(member.key, properties) }));
  if (how.loose) found.sort((a, b) => Number(a.key === a.name) - Number(b.key === b.name));
  for (const { key, at, value, name } of found) {
    if (name === undefined) {
      unknownKey(key, properties, join(path, key), at, how);
      continue;
    }
    const field = properties[name]!;
    const result = decode(field, value, join(path, name), into[name], field.strict ? strict(how) : how);
    if (result !== undefined) into[name] = result;
  }
}

/** The value of a node, or undefined where it is null or unusable (then reported). */
export function decode(schema: Schema, json: Json, path: string, present: unknown, how: Decoding): unknown {
  if (json.kind === "null") return undefined;
  if (json.kind === "string") how.draft.hideWithin(json.value);
  const place = how.place(json.at, path);
  if (json.kind !== "string" || kindOf(schema) === "raw" || !isReference(json.value)) {
    return settle(schema, json, path, place, present, how);
  }
  const value = how.draft.resolve(json.value, path, place, how.scope);
  if (value === undefined) return undefined;
  const settled = settle(asSecret(schema), { ...json, value }, path, place, present, how);
  how.draft.refers(path, json.value);
  return settled;
}

function settle(schema: Schema, json: Json, path: string, place: string, present: unknown, how: Decoding): unknown {
  const value = readKind(schema, json, path, present, how);
  if (value === undefined)
    return wrongValue(schema, json, path, place, "SLUICE_CONFIG_WRONG_TYPE", `must be ${expected(schema)}`, how);
  const bounds = outOfBounds(schema, value);
  if (bounds !== undefined) return wrongValue(schema, json, path, place, "SLUICE_CONFIG_BAD_VALUE", bounds, how);
  how.draft.found(path, place);
  if (schema.secret) how.draft.hide(value);
  return value;
}

function readKind(schema: Schema, json: Json, path: string, present: unknown, how: Decoding): unknown {
  switch (kindOf(schema)) {
    case "raw":
      return repeated(present as Json | undefined, json);
    case "any":
      return toPlain(json, (text) =>
        isReference(text) ? how.draft.resolve(text, path, how.place(json.at, path), how.scope) : text,
      );
    case "object": {
      if (json.kind !== "object") return undefined;
      const into: Values = (present as Values | undefined) ?? {};
      decodeObject(schema, json, path, into, how);
      return into;
    }
    case "map":
      return json.kind === "object"
        ? decodeMap(inherit(schema, mapItem(schema)!), json, path, present, how)
        : undefined;
    case "list":
      return json.kind === "array" ? decodeList(inherit(schema, schema.items ?? {}), json.items, path, how) : undefined;
    case "string":
      return json.kind === "string" ? json.value : undefined;
    case "boolean":
      return json.kind === "boolean" ? json.value : undefined;
    case "number":
      return json.kind === "number" ? json.value : undefined;
    case "integer":
      return json.kind === "number" ? wholeNumber(json, how.loose) : undefined;
    case "duration":
      if (json.kind === "string") return parseDuration(json.value);
      return json.kind === "number" ? wholeNumber(json, how.loose) : undefined;
    case "choice": {
      const plain = toPlain(json);
      return choices(schema).includes(plain) ? plain : undefined;
    }
    case "either":
      for (const one of schema.anyOf ?? []) {
        const value = readKind(one, json, path, undefined, how);
        if (value !== undefined) return value;
      }
      return undefined;
  }
}

/** An object that is read at a later stage and stands there twice: there, too, its members add up. */
function repeated(earlier: Json | undefined, json: Json): Json {
  if (earlier?.kind !== "object" || json.kind !== "object") return json;
  return { ...json, members: [...earlier.members, ...json.members] };
}

function wholeNumber(json: Extract<Json, { kind: "number" }>, loose: boolean): number | undefined {
  if (!loose && !/^-?\d+$/.test(json.text)) return undefined;
  const value = Math.trunc(json.value);
  return Number.isSafeInteger(value) ? value + 0 : undefined;
}

/** An entry that cannot be read is left out; the same key again replaces the whole entry, and counts as the later one. */
function decodeMap(item: Schema, json: ObjectJson, path: string, present: unknown, how: Decoding): Values {
  const map: Values = (present as Values | undefined) ?? Object.create(null);
  for (const { key, value } of json.members) {
    const read = kindOf(item) === "raw" ? value : decode(item, value, join(path, key), undefined, how);
    if (Object.hasOwn(map, key)) delete map[key];
    if (read === undefined) continue;
    map[key] = read;
    how.draft.found(join(path, key), how.place(value.at, join(path, key)));
  }
  return map;
}

function decodeList(item: Schema, items: Json[], path: string, how: Decoding): unknown[] {
  return items.flatMap((one, i) => {
    const value = decode(item, one, `${path}[${i}]`, undefined, how);
    return value === undefined ? [] : [value];
  });
}

/** The property that a key names: exactly, by letter case, by alias. */
export function propertyFor(key: string, properties: { [key: string]: Schema }): string | undefined {
  if (Object.hasOwn(properties, key)) return key;
  const lower = key.toLowerCase();
  for (const [name, schema] of Object.entries(properties)) {
    if (name.toLowerCase() === lower || schema.alias?.some((alias) => alias.toLowerCase() === lower)) return name;
  }
  return undefined;
}

/** Keys such as `_comment` are the usual way to write a comment in JSON. */
const COMMENT = /^(_|\/\/|\$|#)/;

function unknownKey(
  key: string,
  properties: { [key: string]: Schema },
  path: string,
  at: Position,
  how: Decoding,
): void {
  if (COMMENT.test(key)) return;
  const close = nearest(key, Object.keys(properties));
  how.draft.report(
    "SLUICE_CONFIG_UNKNOWN_KEY",
    { ...how.scope, severity: "warning" },
    {
      place: how.place(at, path),
      message: `The key "${clip(key)}" is not known and is ignored.`,
      mend: close === undefined ? "Remove it." : `Did you mean "${close}"?`,
    },
  );
}

function wrongValue(
  schema: Schema,
  json: Json,
  path: string,
  place: string,
  code: "SLUICE_CONFIG_WRONG_TYPE" | "SLUICE_CONFIG_BAD_VALUE",
  why: string,
  how: Decoding,
): undefined {
  const problem = how.draft.report(code, how.scope, {
    place,
    message: `The value ${why}, but is ${shown(schema, json)}.`,
    mend: how.scope.severity === "warning" ? "Correct it; until then it counts as not set." : "Correct it.",
  });
  how.draft.unreadable(path, problem);
  return undefined;
}

/** What a list or a map holds is as secret as the whole. */
export function inherit(whole: Schema, part: Schema): Schema {
  return whole.secret ? asSecret(part) : part;
}

function asSecret(schema: Schema): Schema {
  return { ...schema, secret: true };
}

/** A value for a message: never a secret, never long. */
function shown(schema: Schema, json: Json): string {
  if (json.kind === "object") return "an object";
  if (json.kind === "array") return "a list";
  if (schema.secret || kindOf(schema) === "raw" || kindOf(schema) === "object") return `a ${json.kind}`;
  const text = toText(json);
  return text.length > 60 ? `a ${json.kind} of ${text.length} characters` : text;
}

export function strict<H extends { scope: Scope }>(how: H): H {
  return { ...how, scope: { ...how.scope, severity: "error" } };
}

/** A name of whatever length, for a message. */
export function clip(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}

const LONGEST_NAME = 200;

export function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

/**
 * What the configuration reads of a JSON schema, annotations included. The daemon's own schema and the plugins' (from the
 * lock, where TypeBox's symbols are gone) are read through this one view.
 */
export interface Schema {
  type?: string | undefined;
  properties?: { [key: string]: Schema } | undefined;
  required?: string[] | undefined;
  items?: Schema | undefined;
  patternProperties?: { [pattern: string]: Schema } | undefined;
  additionalProperties?: boolean | Schema | undefined;
  anyOf?: Schema[] | undefined;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  minimum?: number | undefined;
  maximum?: number | undefined;
  minLength?: number | undefined;
  pattern?: string | undefined;
  description?: string | undefined;
  /** The variable's suffix where it is not the key in capitals without underscores; on a sink's whole schema: the default prefix of its `meta` variables where it is not the type in capitals without separators, and `_META`. */
  env?: string | undefined;
  /** A variable by its whole name, read where the one with the prefix is not set. */
  variable?: string | undefined;
  /** Other names of the key. */
  alias?: string[] | undefined;
  /** Never printed. */
  secret?: boolean | undefined;
  /** The operator's value joins the thread's file permissions. */
  path?: "read" | "write" | undefined;
  /** It is a path only where the keys beside it have these values. */
  pathWhen?: { [key: string]: unknown } | undefined;
  /** Words of a string of `word=value` pairs, such as a connection string, whose values are files that the thread may read. */
  pathWords?: string[] | undefined;
  /** `duration`: "30s", "1m30s", "200ms" or a number of milliseconds; read as milliseconds. */
  format?: string | undefined;
  /** Kept as the parsed JSON for a later stage; no variable of its own. */
  raw?: boolean | undefined;
  /** A wrong value here stops the start instead of being left out with a warning. */
  strict?: boolean | undefined;
  /** Read, but without effect here: said so where it is set. */
  noEffect?: string | undefined;
}

export type Kind =
  | "object"
  | "map"
  | "list"
  | "string"
  | "integer"
  | "number"
  | "boolean"
  | "duration"
  | "choice"
  | "either"
  | "any"
  | "raw";

export function kindOf(schema: Schema): Kind {
  if (schema.raw) return "raw";
  if (schema.enum || schema.const !== undefined) return "choice";
  if (schema.anyOf) return schema.anyOf.every((one) => one.const !== undefined) ? "choice" : "either";
  if (schema.format === "duration") return "duration";
  switch (schema.type) {
    case "object":
      return schema.properties ? "object" : mapItem(schema) ? "map" : "any";
    case "array":
      return "list";
    case "string":
    case "integer":
    case "number":
    case "boolean":
      return schema.type;
    default:
      return "any";
  }
}

/** The schema of a map's values. */
export function mapItem(schema: Schema): Schema | undefined {
  const [pattern] = Object.values(schema.patternProperties ?? {});
  return pattern ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined);
}

/** The values that a choice allows. */
export function choices(schema: Schema): unknown[] {
  return schema.enum ?? (schema.const !== undefined ? [schema.const] : (schema.anyOf ?? []).map((one) => one.const));
}

/** The suffix of a field's variable, as envconfig builds it from the name of a Go field. */
export function variableSuffix(key: string, schema: Schema): string {
  return schema.env ?? key.replaceAll("_", "").toUpperCase();
}

/** What a value must be, for a message. */
export function expected(schema: Schema): string {
  const kind = kindOf(schema);
  switch (kind) {
    case "object":
    case "raw":
      return "an object";
    case "map":
      return "an object of names and values";
    case "list":
      return `a list${schema.items ? ` (each ${expected(schema.items)})` : ""}`;
    case "string":
      return "a string";
    case "integer":
      return "a whole number";
    case "number":
      return "a number";
    case "boolean":
      return "true or false";
    case "duration":
      return 'a duration such as "30s" or "200ms", or a number of milliseconds';
    case "choice":
      return choices(schema)
        .map((one) => JSON.stringify(one))
        .join(" or ");
    case "either":
      return (schema.anyOf ?? []).map(expected).join(" or ");
    case "any":
      return "any value";
  }
}

/** Why a value of the right type may not be used, or undefined. */
export function outOfBounds(schema: Schema, value: unknown): string | undefined {
  if (typeof value === "number") {
    const unit = schema.format === "duration" ? " ms" : "";
    if (schema.minimum !== undefined && value < schema.minimum) return `must be at least ${schema.minimum}${unit}`;
    if (schema.maximum !== undefined && value > schema.maximum) return `must be at most ${schema.maximum}${unit}`;
  }
  if (typeof value === "string") {
    if (schema.minLength !== undefined && value.length < schema.minLength) return "must not be empty";
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
      return "has not the form that is asked for";
  }
  return undefined;
}

/**
 * The values with defaults in place. `zero`: what has no default gets Go's zero value, so that nothing is ever absent;
 * without it only declared defaults are added.
 */
export function complete(schema: Schema, value: unknown, zero: boolean): unknown {
  const kind = kindOf(schema);
  if (kind === "object" && (value !== undefined || zero || schema.default !== undefined)) {
    const given = (value ?? schema.default ?? {}) as { [key: string]: unknown };
    const full: { [key: string]: unknown } = {};
    for (const [key, field] of Object.entries(schema.properties ?? {})) {
      const one = complete(field, given[key], zero);
      if (one !== undefined) full[key] = one;
    }
    return full;
  }
  if (value !== undefined) return value;
  if (schema.default !== undefined) return structuredClone(schema.default);
  return zero ? zeroOf(kind) : undefined;
}

function zeroOf(kind: Kind): unknown {
  switch (kind) {
    case "string":
    case "choice":
      return "";
    case "integer":
    case "number":
    case "duration":
      return 0;
    case "boolean":
      return false;
    case "list":
      return [];
    case "map":
      return {};
    default:
      return undefined;
  }
}

import type { PluginLock } from "../plugins/lock.ts";
import { kindOf, mapItem, type Schema } from "./fields.ts";
import { Pump, PumpConf } from "./schema.ts";
import { OTHER_STORE_TYPES, STORE_TYPES, StoreEntry } from "./secrets/schema.ts";

/** A JSON schema, as editors read it. */
export interface JsonSchema {
  [keyword: string]: unknown;
}

const DURATION = {
  anyOf: [
    { type: "integer", minimum: 0 },
    { type: "string", pattern: "^[-+]?([0-9.]+(ns|us|µs|μs|ms|s|m|h))+$|^[0-9]+$" },
  ],
};
const COMMENTS = { "^(_|//|\\$|#)": {} };

/**
 * The JSON schema (draft 2020-12) of pump.conf with these plugins: what an editor completes, explains and checks. Keys of any
 * letter case are accepted by Sluice, only those of the schema by it.
 */
export function jsonSchemaOf(lock: PluginLock): JsonSchema {
  const types = lock.plugins.flatMap((plugin) => plugin.types).filter(({ reads }) => reads === "analytics");
  const schema = plain(PumpConf);
  const properties = schema.properties as { [key: string]: JsonSchema };
  properties.pumps = {
    description: PumpConf.properties.pumps.description,
    type: "object",
    additionalProperties: {
      ...plain(Pump),
      allOf: types.map(({ type, schema: own }) => ({
        if: { properties: { type: { const: type } }, required: ["type"] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema
        then: { properties: { meta: withPrefix(plain(own as Schema)) } },
      })),
    },
  };
  const pump = properties.pumps.additionalProperties as { properties: { [key: string]: JsonSchema } };
  pump.properties.type = { ...pump.properties.type, examples: types.map(({ type }) => type) };
  const entry = plain(StoreEntry) as { properties: { [key: string]: JsonSchema } };
  entry.properties.type = { ...entry.properties.type, enum: [...Object.keys(STORE_TYPES), ...OTHER_STORE_TYPES] };
  const stores = Object.entries(STORE_TYPES).map(([type, config]) => ({
    if: { properties: { type: { const: type } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON schema
    then: { properties: { config: plain(config) } },
  }));
  const kv = properties.kv as { properties: { [key: string]: JsonSchema } };
  kv.properties.stores = {
    ...kv.properties.stores,
    additionalProperties: { ...entry, required: ["type"], allOf: stores },
  };
  return { $schema: "https://json-schema.org/draft/2020-12/schema", title: "Configuration of Sluice", ...schema };
}

/** Any sink's `meta` may name the prefix of its variables. */
function withPrefix(schema: JsonSchema): JsonSchema {
  const properties = { ...(schema.properties as object), meta_env_prefix: { type: "string" } };
  return schema.properties ? { ...schema, properties } : schema;
}

/** Without our own annotations. Nothing is required: a variable may set it. */
function plain(schema: Schema): JsonSchema {
  const { description, default: preset } = schema;
  const about = { ...(description && { description }), ...(preset !== undefined && { default: preset }) };
  const item = mapItem(schema);
  switch (kindOf(schema)) {
    case "object": {
      const fields = Object.entries(schema.properties ?? {});
      return {
        ...about,
        type: "object",
        properties: Object.fromEntries(fields.map(([key, field]) => [key, plain(field)])),
        patternProperties: COMMENTS,
        additionalProperties: false,
      };
    }
    case "map":
      return { ...about, type: "object", additionalProperties: plain(item!) };
    case "list":
      return { ...about, type: "array", items: plain(schema.items ?? {}) };
    case "raw":
      return { ...about, type: "object" };
    case "duration":
      return { ...about, ...DURATION };
    case "either":
      return { ...about, anyOf: (schema.anyOf ?? []).map(plain) };
    case "choice":
      return { ...about, enum: schema.enum ?? (schema.anyOf ?? [schema]).map((one) => one.const) };
    case "any":
      return about;
    default: {
      const { type, minimum, maximum, minLength, pattern } = schema;
      return JSON.parse(JSON.stringify({ ...about, type, minimum, maximum, minLength, pattern }));
    }
  }
}

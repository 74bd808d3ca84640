import { createHash } from "node:crypto";
import type { Prepare } from "@sluice/sdk/runtime";
import type { PluginLock } from "../plugins/lock.ts";
import type { PathKey } from "../plugins/paths.ts";
import { type ResolvedType, refusalOf, resolveType, typesOf } from "../plugins/resolve.ts";
import type { SinkConfig } from "./config.ts";
import { decodeObject, type Place, propertyFor } from "./decode.ts";
import type { Draft, Values } from "./draft.ts";
import { complete, type Schema } from "./fields.ts";
import { nearest } from "./nearest.ts";
import type { PumpEntry } from "./pumps.ts";
import { LEGACY_PREFIXES, TYK_TYPES } from "./reference.ts";
import { SinkExtras } from "./schema.ts";
import { MONGO_UPTIME } from "./uptime.ts";
import { applyVariables, type Variables } from "./variables.ts";

export interface SinkInputs {
  draft: Draft;
  variables: Variables;
  place: Place;
  lock: PluginLock;
  lockFile: string;
  /** Global `max_record_size`. */
  maxRecordSize: number;
  /** `sluice.sinks`, as read. */
  extras: { [name: string]: Partial<SinkExtras> };
}

/** The sinks that can start. What keeps another from starting is an error with its name. */
export function buildSinks(pumps: readonly PumpEntry[], inputs: SinkInputs): SinkConfig[] {
  const { draft } = inputs;
  const sinks: SinkConfig[] = [];
  for (const entry of pumps) {
    const resolved = resolveType(inputs.lock, entry.type, inputs.lockFile);
    if (!resolved) {
      reportUnknownType(entry, inputs);
      continue;
    }
    const refusal = refusalOf(resolved);
    if (refusal) {
      const scope = { severity: "error", sink: entry.name } as const;
      draft.report("SLUICE_CONFIG_PLUGINS", scope, { path: entry.path, ...refusal });
    }
    const config = readMeta(entry, resolved, pumps, inputs);
    const prepare = prepareOf(entry, resolved, inputs);
    const extras = readExtras(entry, resolved, inputs);
    if (draft.hasFailed(entry.name)) continue;
    const { name, type } = entry;
    const timeoutMs = Math.max(0, entry.pump.timeout) * 1000;
    const fingerprint = fingerprintOf({ type, config, prepare });
    const { reads } = resolved.type;
    sinks.push({ name, type, reads, config, fingerprint, prepare, timeoutMs, ...extras });
  }
  reportStrangeExtras(pumps, inputs);
  return sinks;
}

function reportUnknownType({ name, type, path, prefix }: PumpEntry, { draft, lock, variables }: SinkInputs): void {
  variables.takeUnread(prefix);
  const types = typesOf(lock);
  const known = TYK_TYPES.includes(type);
  const close = known ? undefined : nearest(type, types);
  const what = known ? `Tyk Pump's sink type ${JSON.stringify(type)}` : `the sink type ${JSON.stringify(type)}`;
  draft.report(
    "SLUICE_CONFIG_UNKNOWN_TYPE",
    { severity: "error", sink: name },
    {
      path: draft.isSet(`${path}.type`) ? `${path}.type` : path,
      message: `No plugin in plugins.lock.json has ${what}. There are: ${types.join(", ") || "none"}.`,
      mend:
        close === undefined
          ? "Install a plugin that has it (`sluice plugin add`), or remove the sink."
          : `Did you mean "${close}"?`,
    },
  );
}

/** `meta`, its variables and defaults, checked against the plugin's schema. */
function readMeta(
  entry: PumpEntry,
  { type, plugin }: ResolvedType,
  pumps: readonly PumpEntry[],
  inputs: SinkInputs,
): Values {
  const { draft, variables, place } = inputs;
  const schema = withEnvPrefix(type.schema as Schema);
  const path = entry.settings?.path ?? `${entry.path}.meta`;
  const scope = { severity: "error", sink: entry.name } as const;
  const values: Values = {};
  const meta = entry.pump.meta;
  if (meta?.kind === "object") decodeObject(schema, meta, path, values, { draft, scope, place, loose: true });
  else if (meta !== undefined) {
    draft.report("SLUICE_CONFIG_WRONG_TYPE", scope, {
      path,
      message: `${path} must be an object, but is a ${meta.kind}.`,
      mend: 'Write "meta": {…}.',
    });
  }
  const own = `${entry.prefix}META`;
  const usual = `TYK_PMP_PUMPS_${schema.env ?? `${entry.type.toUpperCase().replaceAll(/[-_]/g, "")}_META`}`;
  const named = (values[ENV_PREFIX] as string | undefined)?.toUpperCase() || usual;
  const prefix = entry.settings?.prefix ?? (entry.inVariables ? own : named);
  applyVariables(schema, `${prefix}_`, path, values, { draft, scope, variables });
  applyLegacy(entry, schema, prefix, path, values, inputs);
  if (prefix === usual && usual !== own) reportExtraPump(entry, usual, pumps, inputs);
  if (!Object.hasOwn((type.schema as Schema).properties ?? {}, ENV_PREFIX)) delete values[ENV_PREFIX];
  const config = complete(schema, values, false) as Values;
  revealFiles(config, path, plugin.pathKeys, draft);
  for (const key of schema.required ?? []) {
    if (config[key] !== undefined || draft.whyUnread(`${path}.${key}`)) continue;
    draft.report("SLUICE_CONFIG_MISSING", scope, {
      path,
      message: `${path}.${key} must be set.`,
      mend: `Set it in the file or by a variable that begins with ${prefix}_.`,
    });
  }
  return config;
}

/** A key that holds a secret for one kind of server may name a file for another: errors tell which file it is. */
function revealFiles(config: Values, path: string, pathKeys: readonly PathKey[], draft: Draft): void {
  for (const { keys, when, words } of pathKeys) {
    const [key, ...nested] = keys;
    if (key === undefined || nested.length > 0 || when === undefined || words !== undefined) continue;
    const isFile = Object.entries(when).every(([beside, value]) => config[beside] === value);
    const file = config[key];
    if (isFile && typeof file === "string" && draft.referenceOf(`${path}.${key}`) === undefined) draft.reveal(file);
  }
}

/** Also MongoDB's uptime sink has them, where nothing newer says which server. */
function applyLegacy(
  { type, name }: PumpEntry,
  schema: Schema,
  prefix: string,
  path: string,
  values: Values,
  { draft, variables }: SinkInputs,
): void {
  const legacy = type === MONGO_UPTIME && !values.mongo_url ? LEGACY_PREFIXES.mongo : LEGACY_PREFIXES[type];
  const names = legacy === undefined ? [] : variables.names(legacy);
  if (legacy === undefined || names.length === 0) return;
  applyVariables(schema, legacy, path, values, { draft, scope: { severity: "error", sink: name }, variables });
  const pairs = names.map((old) => `${old} -> ${prefix}_${old.slice(legacy.length)}`);
  draft.report(
    "SLUICE_CONFIG_DEPRECATED",
    { severity: "warning", sink: name },
    {
      place: `${legacy}…`,
      message: "These variables have newer names, over which they win.",
      mend: `Rename: ${pairs.join(", ")}.`,
    },
  );
}

const ENV_PREFIX = "meta_env_prefix";

/** Every sink's `meta` may name the prefix of its variables, whether its plugin knows that or not. */
function withEnvPrefix(schema: Schema): Schema {
  if (propertyFor(ENV_PREFIX, schema.properties ?? {})) return schema;
  return { ...schema, properties: { ...schema.properties, [ENV_PREFIX]: { type: "string", env: "ENVPREFIX" } } };
}

/** A variable with a type's usual prefix is for all sinks of the type, and makes one more whose name is the type. */
function reportExtraPump(entry: PumpEntry, usual: string, pumps: readonly PumpEntry[], { draft }: SinkInputs): void {
  const extra = pumps.find((one) => one.name === entry.type && !one.inFile && `${one.prefix}META` === usual);
  if (!extra) return;
  draft.report(
    "SLUICE_CONFIG_AMBIGUOUS",
    { severity: "warning", sink: extra.name },
    {
      place: `${usual}_…`,
      message: `These variables configure the sink "${entry.name}" and also make one more sink "${extra.name}".`,
      mend: `Write ${entry.prefix}META_… to configure "${entry.name}" alone.`,
    },
  );
}

function prepareOf(
  { name, path, pump }: PumpEntry,
  { type }: ResolvedType,
  { draft, maxRecordSize }: SinkInputs,
): Prepare {
  const scope = { severity: "warning", sink: name } as const;
  const trim = pump.max_record_size || maxRecordSize;
  if (trim < 0) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", scope, {
      path: pump.max_record_size < 0 ? `${path}.max_record_size` : "max_record_size",
      message: "max_record_size is below 0; nothing is cut.",
      mend: "Write the bytes to keep, or 0.",
    });
  }
  const decode = { decodeRequest: pump.raw_request_decoded, decodeResponse: pump.raw_response_decoded };
  if (!type.decodes && (decode.decodeRequest || decode.decodeResponse)) {
    draft.report("SLUICE_CONFIG_NO_EFFECT", scope, {
      path: `${path}.${decode.decodeRequest ? "raw_request_decoded" : "raw_response_decoded"}`,
      message: `A ${type.type} sink takes raw requests and responses encoded only; they stay so.`,
      mend: "Remove raw_request_decoded and raw_response_decoded.",
    });
    decode.decodeRequest = decode.decodeResponse = false;
  }
  const { filters } = pump;
  return {
    filters: {
      skipApiIds: filters.skip_api_ids,
      skipOrgIds: filters.skip_org_ids,
      skipResponseCodes: filters.skip_response_codes,
      apiIds: filters.api_ids,
      orgIds: filters.org_ids,
      responseCodes: filters.response_codes,
    },
    omit: pump.omit_detailed_recording,
    trim: Math.max(0, trim),
    ignore: pump.ignore_fields,
    ...decode,
  };
}

function readExtras(
  entry: PumpEntry,
  { plugin, type }: ResolvedType,
  inputs: SinkInputs,
): Pick<SinkConfig, "actors" | "heapMb" | "plugin"> {
  const { draft, variables, extras } = inputs;
  const key = extrasKey(extras, entry.name);
  const values: Values = { ...extras[key] };
  const path = `sluice.sinks.${key}`;
  const scope = { severity: "error", sink: entry.name } as const;
  applyVariables(SinkExtras, `SLUICE_SINKS_${variableName(entry.name)}_`, path, values, { draft, scope, variables });
  const { actors, isolate, heap_mb } = complete(SinkExtras, values, true) as SinkExtras;
  if (actors > 1 && type.single) {
    draft.report(
      "SLUICE_CONFIG_NO_EFFECT",
      { severity: "warning", sink: entry.name },
      {
        path: `${path}.actors`,
        message: `A ${type.type} sink cannot have several actors side by side; it gets one.`,
        mend: "Remove it.",
      },
    );
  }
  const isolation = isolate ? "process" : plugin.isolation;
  return { actors: type.single ? 1 : actors, heapMb: heap_mb, plugin: { ...plugin, isolation } };
}

/** The sink's key in `sluice.sinks`, in whatever letter case the file has it. */
export function extrasKey(extras: SinkInputs["extras"], sink: string): string {
  return Object.keys(extras).find((key) => key.toLowerCase() === sink) ?? sink;
}

function reportStrangeExtras(pumps: readonly PumpEntry[], { draft, extras }: SinkInputs): void {
  const names = pumps.map((pump) => pump.name);
  for (const name of Object.keys(extras)) {
    if (names.includes(name.toLowerCase())) continue;
    const close = nearest(name, names);
    draft.report(
      "SLUICE_CONFIG_UNKNOWN_KEY",
      { severity: "warning" },
      {
        path: `sluice.sinks.${name}`,
        message: `There is no sink "${name}".`,
        mend: close === undefined ? "Remove it." : `Did you mean "${close}"?`,
      },
    );
  }
}

/** `my-csv.one` in a variable: MY_CSV_ONE. */
export function variableName(sink: string): string {
  return sink.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}

/** sha256 of the canonical JSON: the keys of every object sorted. */
export function fingerprintOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex");
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

import { isSecretName } from "../logging/clean.ts";
import type { PluginLock } from "../plugins/lock.ts";
import { resolveType } from "../plugins/resolve.ts";
import type { Config } from "./config.ts";
import { join } from "./decode.ts";
import type { Draft } from "./draft.ts";
import { kindOf, mapItem, type Schema } from "./fields.ts";
import type { PumpEntry } from "./pumps.ts";
import { Pump, PumpConf } from "./schema.ts";
import { STORE_TYPES, StoreEntry } from "./secrets/schema.ts";
import type { StoreSettings } from "./secrets/stores.ts";
import { extrasKey } from "./sinks.ts";

/** One value that is in force. */
export interface Setting {
  /** `pumps.csv.meta.csv_dir` */
  path: string;
  /** Null where it is not set and has no default. */
  value: unknown;
  secret: boolean;
  from: "file" | "variable" | "default";
  /** `pump.conf:7:20`, the name of a variable, or nothing. */
  place: string;
  /** The references that were resolved for it. */
  reference?: string;
}

/** Everything that is in force; of a sink that cannot start, not its own settings. */
export function listSettings(
  conf: PumpConf,
  { logging, health, sinks, log }: Config,
  entries: readonly PumpEntry[],
  stores: readonly StoreSettings[],
  lock: PluginLock,
  draft: Draft,
): Setting[] {
  const redis = log.engine === "redis" ? log : log.redis;
  const storage = conf.analytics_storage_config;
  const extras = sinks.map(({ name, actors, heapMb, plugin }) => {
    const isolate = plugin.isolation === "process";
    return [extrasKey(conf.sluice.sinks, name), { actors, isolate, heap_mb: heapMb }] as const;
  });
  const inForce = {
    ...conf,
    sluice: { ...conf.sluice, sinks: { ...conf.sluice.sinks, ...Object.fromEntries(extras) } },
    analytics_storage_config: redis
      ? { ...storage, timeout: redis.timeoutMs / 1000, key_prefix: redis.keyPrefix }
      : storage,
    log_level: logging.level,
    log_format: logging.format,
    health_check_endpoint_name: health.endpoint,
    health_check_endpoint_port: health.port,
  };
  const perSink = entries.flatMap(({ name, type, path, pump, settings }) => {
    const config = sinks.find((sink) => sink.name === name)?.config;
    const schema = resolveType(lock, type, "")?.type.schema as Schema | undefined;
    return [
      ...(settings ? [] : settingsOf(Pump, { ...pump, type }, path, draft)),
      ...(schema && config ? settingsOf(schema, config, settings?.path ?? join(path, "meta"), draft) : []),
    ];
  });
  const perStore = stores.flatMap(({ name, store, required }) => {
    if (store === null) return [];
    const path = `kv.stores.${name}`;
    return [
      ...settingsOf(StoreEntry, { type: store.type, required }, path, draft),
      ...settingsOf(STORE_TYPES[store.type], store.config, join(path, "config"), draft),
    ];
  });
  return [...settingsOf(PumpConf, inForce, "", draft), ...perStore, ...perSink];
}

/** The single values below `values`, in the schema's order; what another stage reads (`raw`) is left out. */
export function settingsOf(schema: Schema, values: unknown, path: string, draft: Draft): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    const value = (values as { [key: string]: unknown } | undefined)?.[key];
    const at = join(path, key);
    const kind = kindOf(field);
    const item = kind === "map" ? mapItem(field)! : undefined;
    if (kind === "raw" || (item && kindOf(item) === "raw")) return [];
    if (kind === "object") return settingsOf(field, value, at, draft);
    if (item && kindOf(item) === "object") {
      return Object.entries(value ?? {}).flatMap(([name, one]) => settingsOf(item, one, join(at, name), draft));
    }
    return [settingOf(field, key, value ?? null, at, draft)];
  });
}

function settingOf(field: Schema, key: string, value: unknown, path: string, draft: Draft): Setting {
  const reference = draft.referenceOf(path);
  const secret = field.secret === true || isSecretName(key) || reference !== undefined;
  const place = draft.isSet(path) ? draft.placeOf(path) : "";
  const from = place === "" ? "default" : /^\S+:\d+:\d+/.test(place) ? "file" : "variable";
  return {
    path,
    value,
    secret: secret && value !== "" && value !== null,
    from,
    place: place.split(" ")[0]!,
    ...(reference !== undefined && { reference }),
  };
}

import { fileURLToPath } from "node:url";
import { maskExact } from "../logging/clean.ts";
import { LockError, type PluginLock, readLocks } from "../plugins/lock.ts";
import { typesOf } from "../plugins/resolve.ts";
import { operatorLock } from "../plugins/store.ts";
import type { Config } from "./config.ts";
import { decodeObject } from "./decode.ts";
import { Draft, type Scope, type Values } from "./draft.ts";
import { listSettings, type Setting } from "./effective.ts";
import { complete } from "./fields.ts";
import { reportNotices } from "./notices.ts";
import type { Problem } from "./problem.ts";
import { readPumps, reportTypeless } from "./pumps.ts";
import { PumpConf, Sluice, Storage, Tyk } from "./schema.ts";
import { Secrets } from "./secrets/secrets.ts";
import { readStores, type StoreSettings } from "./secrets/stores.ts";
import { consoleOf, daemonOf, healthOf, loggingOf, logOf, otlpOf, statsdOf } from "./settings.ts";
import { buildSinks } from "./sinks.ts";
import { readSource } from "./source.ts";
import { readUptimePump } from "./uptime.ts";
import { uptimeOf } from "./uptime-tests.ts";
import { applyVariables, type Environment, Variables } from "./variables.ts";

export interface LoadOptions {
  /** As given with -c, relative to `cwd`. Without it `pump.conf` in `cwd` is read if there is one. */
  file?: string;
  env: Environment;
  cwd: string;
  flags?: { debug?: boolean };
  /** Default: the plugins.lock.json beside the `core` folder. */
  lockFile?: string;
  /** Folder of the operator's own plugins; default: SLUICE_PLUGINS, else `sluice-plugins` beside the configuration. */
  plugins?: string | undefined;
  /** Secrets that were fetched; `readConfig` does that. Without them a reference to one is an error. */
  secrets?: Secrets;
}

export interface Loaded {
  /** Always there; what could not be read has its default. Start only if `stopsTheStart(problems)` is false. */
  config: Config;
  /** All that is wrong, in the order of reading. */
  problems: Problem[];
  /** The file that was read, absolute; null: none. */
  file: string | null;
  /** What problems call the file; "variables", or "built-in demonstration". */
  source: string;
  /** Nothing configures anything: this is the built-in demonstration. */
  demo: boolean;
  /** Every text that must never be printed. */
  hidden: string[];
  /** The secret stores that are configured. */
  stores: StoreSettings[];
  /** The plugins that there are. */
  lock: PluginLock;
  /** The file and line, or the variable, that gave what stands at this path (`pumps.csv`); else the path itself. */
  placeOf(path: string): string;
  /** Every value in force, and where it came from. */
  settings(): Setting[];
}

export const LOCK_FILE = fileURLToPath(new URL("../../plugins.lock.json", import.meta.url));

const WARNING: Scope = { severity: "warning" };
const ERROR: Scope = { severity: "error" };

/**
 * File, then variables, then checks. Never throws for what a configuration says: all that is wrong is collected.
 * Precedence, lowest first: defaults, the file, TYK_PMP_ and SLUICE_ variables, and for Redis TYK_PMP_REDIS_, then
 * TYK_PMP_TEMPORAL_STORAGE_.
 */
export function loadConfig(options: LoadOptions): Loaded {
  const secrets = options.secrets ?? new Secrets(options.env);
  secrets.begin();
  const draft = new Draft(secrets);
  const variables = new Variables(options.env);
  const source = readSource(options.file, options.cwd, variables, draft);
  const conf = readConf(source, variables, draft);
  const stores = readStores(conf.kv.stores, source.place, variables, draft);
  const lockFile = options.lockFile ?? LOCK_FILE;
  const lock = openLock(
    lockFile,
    operatorLock({ conf: source.file, folder: options.plugins, variables, cwd: options.cwd }),
    draft,
  );
  const pumps = readPumps(conf.pumps, source.place, variables, typesOf(lock), draft);
  const reading = { draft, variables, place: source.place, types: typesOf(lock), pumps };
  const entries = [...pumps, ...readUptimePump(conf, reading)];
  const sinks = buildSinks(entries, {
    draft,
    variables,
    place: source.place,
    lock,
    lockFile,
    maxRecordSize: conf.max_record_size,
    extras: conf.sluice.sinks,
  });
  const { delivery } = conf.sluice;
  const console = consoleOf(conf, draft);
  const config: Config = {
    log: logOf(conf, options.cwd, draft),
    delivery: {
      leaseMs: delivery.lease,
      pollMs: delivery.poll,
      chunkRecords: delivery.chunk_records,
      chunkBytes: delivery.chunk_bytes,
      letters: delivery.letters,
    },
    sinks,
    health: healthOf(conf, draft),
    logging: loggingOf(conf, variables, options.flags?.debug ?? false, draft),
    statsd: statsdOf(conf, variables, draft),
    otlp: otlpOf(conf, draft),
    uptime: uptimeOf(conf, sinks, variables, draft),
    ...(console && { console }),
    daemon: daemonOf(conf, options.cwd),
    secretsRefreshMs: conf.sluice.secrets.refresh,
    watch: conf.sluice.reload.watch,
    stopMs: conf.sluice.stop,
  };
  reportTypeless(pumps, variables, draft);
  // Known: the command `start` acts on it.
  variables.read("TYK_PMP_BUILDDEMODATA");
  variables.reportUnused(["TYK_PMP_", "PMP_MONGO", "SLUICE_"], draft);
  if (sinks.length === 0) {
    if (source.problem) source.problem.severity = "error";
    draft.report("SLUICE_CONFIG_NO_SINKS", ERROR, {
      place: source.name,
      message: "No sink can be started.",
      mend: "Name at least one under `pumps`, or by TYK_PMP_PUMPS_<NAME>_TYPE.",
    });
  }
  const hidden = [...draft.hidden].sort((a, b) => b.length - a.length);
  return {
    config,
    problems: draft.problems.map((problem) => masked(problem, hidden)),
    file: source.file,
    source: source.name,
    demo: source.demo,
    hidden,
    stores,
    lock,
    placeOf: (path) => draft.placeOf(path),
    settings: () => listSettings(conf, config, entries, stores, lock, draft),
  };
}

/**
 * The configuration with its secrets: read, fetched, and read again until nothing is left to ask for. Give the same
 * `secrets` again, refreshed, to read a file that has changed.
 */
export async function readConfig(options: LoadOptions): Promise<Loaded & { secrets: Secrets }> {
  const secrets = options.secrets ?? new Secrets(options.env);
  for (;;) {
    const loaded = loadConfig({ ...options, secrets });
    if (!(await secrets.fetch(loaded.stores))) return { ...loaded, secrets };
  }
}

/** A value that came from a secret may stand in a message about it. */
function masked(problem: Problem, hidden: readonly string[]): Problem {
  return { ...problem, message: maskExact(problem.message, hidden), mend: maskExact(problem.mend, hidden) };
}

/** The built-in demonstration, whatever lies in `cwd`: the embedded log and what its sinks write under `./data`. */
export function demoConfig(options: Pick<LoadOptions, "cwd" | "lockFile">): Loaded {
  return loadConfig({ ...options, env: {} });
}

/** The layers, laid over each other; defaults in place. */
function readConf(source: ReturnType<typeof readSource>, variables: Variables, draft: Draft): PumpConf {
  const values: Values = {};
  decodeObject(PumpConf, source.json, "", values, { draft, scope: WARNING, place: source.place, loose: false });
  const reading = { draft, scope: WARNING, variables };
  applyVariables(Tyk, "TYK_PMP_", "", values, reading);
  for (const prefix of ["TYK_PMP_REDIS_", "TYK_PMP_TEMPORAL_STORAGE_"]) {
    applyVariables(Storage, prefix, "analytics_storage_config", nested(values, "analytics_storage_config"), reading);
  }
  applyVariables(Sluice, "SLUICE_", "sluice", nested(values, "sluice"), { ...reading, scope: ERROR });
  reportNotices(PumpConf, values, "", draft);
  return complete(PumpConf, values, true) as PumpConf;
}

function nested(values: Values, key: string): Values {
  values[key] ??= {};
  return values[key] as Values;
}

function openLock(file: string, operatorFile: string, draft: Draft): PluginLock {
  const report = (scope: Scope, { place, message, mend }: LockError) =>
    draft.report("SLUICE_CONFIG_PLUGINS", scope, { place, message, mend });
  try {
    return readLocks(file, operatorFile, (error) => report(WARNING, error));
  } catch (error) {
    if (!(error instanceof LockError)) throw error;
    report(ERROR, error);
    return { lockVersion: 1, plugins: [] };
  }
}

import { resolve } from "node:path";
import type { BacklogConfig, Config, ConsoleConfig } from "./config.ts";
import type { Draft } from "./draft.ts";
import type { PumpConf } from "./schema.ts";
import { redisLog } from "./storage.ts";
import type { Variables } from "./variables.ts";

const ERROR = { severity: "error" } as const;
const WARNING = { severity: "warning" } as const;

/** The delivery log: Redis as Tyk Pump's settings name it, or the embedded one. */
export function logOf(conf: PumpConf, cwd: string, draft: Draft): Config["log"] {
  const { analytics_storage_type: type, analytics_storage_config: storage, sluice } = conf;
  if (type !== "" && type !== "redis") {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: "analytics_storage_type",
      message: `analytics_storage_type must be "redis", but is ${JSON.stringify(type)}.`,
      mend: 'Write "redis" or leave it out.',
    });
  }
  if (sluice.log.engine !== "disk") return { ...redisLog(storage, draft), backlog: backlogOf(conf, cwd, draft) };
  const folder = resolve(cwd, sluice.log.folder);
  if (!draft.isSet("analytics_storage_config")) return { engine: "disk", folder };
  return { engine: "disk", folder, redis: redisLog(storage, draft) };
}

/** The limit of the backlog in Redis, and who pays how. */
function backlogOf({ sluice: { backlog } }: PumpConf, cwd: string, draft: Draft): BacklogConfig {
  const { max_bytes: maxBytes, policy, spool_dir: folder, spool_max_bytes: spoolBytes, spool_full: full } = backlog;
  const spool = folder === "" ? null : { folder: resolve(cwd, folder), maxBytes: spoolBytes, full };
  if (policy === "spool" && spool === null) {
    draft.report("SLUICE_CONFIG_MISSING", ERROR, {
      path: "sluice.backlog.spool_dir",
      message: 'The policy "spool" needs a sluice.backlog.spool_dir.',
      mend: "Name a folder on a volume that outlives the host, or choose another policy.",
    });
  }
  // What is not chosen is never dropped.
  return { maxBytes, policy: policy || (spool === null ? "hold" : "spool"), spool };
}

export function healthOf(conf: PumpConf, draft: Draft): Config["health"] {
  const port = conf.health_check_endpoint_port;
  if (port < 0 || port > 65535) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: "health_check_endpoint_port",
      message: `health_check_endpoint_port must be a port, but is ${port}.`,
      mend: "Write 1 to 65535, or leave it out for 8083.",
    });
  }
  const name = conf.health_check_endpoint_name;
  if (/^\/|[{}]/.test(name.replace(/\{[^{}]+\}/g, ""))) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", WARNING, {
      path: "health_check_endpoint_name",
      message: "A slash ahead of health_check_endpoint_name is dropped, and a single brace stands for itself.",
      mend: "Write the path without its first slash; {any} stands for one segment.",
    });
  }
  return { host: conf.sluice.health.host, port: port || 8083, endpoint: name.replace(/^\/+/, "") || "health" };
}

/** Where a daemon's log goes, and how much of it is kept. */
/** Characters of a token; what is shorter can be guessed. */
const LEAST_TOKEN = 16;

/** The console, where a port asks for it. */
export function consoleOf({ sluice: { console } }: PumpConf, draft: Draft): ConsoleConfig | undefined {
  const { host, port, token } = console;
  if (token !== "" && !(token.length >= LEAST_TOKEN && /^[\x21-\x7e]+$/.test(token))) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: "sluice.console.token",
      message: `It must have ${LEAST_TOKEN} characters or more, of ASCII and without blanks.`,
      mend: "Write a longer one, such as 32 random letters; or leave it out, and one is made.",
    });
  }
  return port === 0 ? undefined : { host, port, token };
}

export function daemonOf({ sluice: { daemon } }: PumpConf, cwd: string): Config["daemon"] {
  const { log_file: file, log_bytes: bytes, log_files: files } = daemon;
  return { file: file === "" ? null : resolve(cwd, file), bytes, files };
}

type Level = Config["logging"]["level"];
const LEVELS: readonly string[] = ["error", "warn", "info", "debug"] satisfies Level[];

/** TYK_LOGLEVEL and TYK_LOGFORMAT win over the configuration, `debug` over all. */
export function loggingOf(conf: PumpConf, variables: Variables, debug: boolean, draft: Draft): Config["logging"] {
  const forced = variables.read("TYK_LOGLEVEL")?.toLowerCase() ?? "";
  const wanted = conf.log_level.toLowerCase() || "info";
  if (forced === "" && !LEVELS.includes(wanted)) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: "log_level",
      message: `log_level must be "error", "warn", "info" or "debug", but is ${JSON.stringify(conf.log_level)}.`,
      mend: wanted === "warning" ? 'Write "warn".' : "Correct it, or set TYK_LOGLEVEL.",
    });
  }
  const chosen = forced || wanted;
  const format = variables.read("TYK_LOGFORMAT") || conf.log_format;
  if (forced !== "") draft.found("log_level", "TYK_LOGLEVEL");
  if (debug) draft.found("log_level", "--debug");
  if (variables.read("TYK_LOGFORMAT")) draft.found("log_format", "TYK_LOGFORMAT");
  return {
    level: debug ? "debug" : LEVELS.includes(chosen) ? (chosen as Level) : "info",
    format: format === "json" || format === "legacy" ? format : "text",
  };
}

/** Where OpenTelemetry's receiver is; null: nothing is sent. */
export function otlpOf({ sluice: { otlp } }: PumpConf, draft: Draft): Config["otlp"] {
  const { endpoint, headers, interval: intervalMs, trace_every: traceEvery } = otlp;
  if (endpoint === "") return null;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: "sluice.otlp.endpoint",
      message: `sluice.otlp.endpoint must be an address, but is ${JSON.stringify(endpoint)}.`,
      mend: 'Write for example "http://collector:4318".',
    });
    return null;
  }
  return { endpoint: endpoint.replace(/\/+$/, ""), headers, intervalMs, traceEvery };
}

/** Where statistics go over statsd; null: they are not asked for. */
export function statsdOf(conf: PumpConf, variables: Variables, draft: Draft): Config["statsd"] {
  if (variables.read("TYK_INSTRUMENTATION") !== "1") return null;
  const path = "statsd_connection_string";
  const { [path]: address, statsd_prefix: prefix } = conf;
  if (address === "") {
    draft.report("SLUICE_CONFIG_MISSING", WARNING, {
      place: "TYK_INSTRUMENTATION",
      message: `Statistics are asked for, but ${path} does not say where to; none are sent.`,
      mend: "Write host:port, or scrape /metrics instead.",
    });
    return null;
  }
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (Number(port) < 1 || Number(port) > 65535) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path,
      message: `${path} must be host:port, but is ${JSON.stringify(address)}.`,
      mend: 'Write for example "127.0.0.1:8125".',
    });
    return null;
  }
  return { host: host.replace(/^\[|\]$/g, "") || "127.0.0.1", port: Number(port), prefix };
}

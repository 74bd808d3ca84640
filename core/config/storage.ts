import { accessSync, constants } from "node:fs";
import type { Address, RedisLogConfig, TlsConfig, TlsVersion } from "./config.ts";
import type { Draft } from "./draft.ts";
import { iamOf } from "./iam.ts";
import type { Problem } from "./problem.ts";
import type { Storage } from "./schema.ts";

const PATH = "analytics_storage_config";
const LOCAL = "127.0.0.1";
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;
/** A longer timer would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;
const ERROR = { severity: "error" } as const;
const WARNING = { severity: "warning" } as const;

/** Redis as Tyk's storage settings name it: a server, the Sentinels of one, or a cluster. */
export function redisLog(storage: Storage, draft: Draft): RedisLogConfig {
  if (storage.type !== "" && storage.type !== "redis") {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: `${PATH}.type`,
      message: `${PATH}.type must be "redis", but is ${JSON.stringify(storage.type)}.`,
      mend: 'Write "redis" or leave it out.',
    });
  }
  refuseUnread(["type", "username", "password", "database", "key_prefix", "redis_key_prefix"], draft);
  refuseUnread(["master_name", "enable_cluster", "use_ssl", "redis_use_ssl", "iam_auth.enabled"], draft);
  if (storage.timeout < 0) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", WARNING, {
      path: `${PATH}.timeout`,
      message: `${PATH}.timeout is below 0; 5 seconds are used.`,
      mend: "Write the seconds, or leave it out.",
    });
  }
  if (storage.username !== "" && storage.password === "" && !storage.iam_auth.enabled) {
    draft.report("SLUICE_CONFIG_NO_EFFECT", WARNING, {
      path: `${PATH}.username`,
      message: `${PATH}.username has no effect: there is no password to sign in with.`,
      mend: `Set ${PATH}.password.`,
    });
  }
  const sentinel = storage.master_name !== "";
  const cluster = storage.enable_cluster && !sentinel;
  if (cluster && storage.database !== 0) {
    draft.report("SLUICE_CONFIG_NO_EFFECT", WARNING, {
      path: `${PATH}.database`,
      message: `${PATH}.database has no effect: a cluster has no other database than 0.`,
      mend: "Remove it.",
    });
  }
  return {
    engine: "redis",
    nodes: addresses(storage, draft),
    sentinel: sentinel ? { master: storage.master_name, password: storage.sentinel_password } : undefined,
    cluster,
    username: storage.username,
    password: storage.password,
    database: cluster ? 0 : storage.database,
    timeoutMs: Math.min(storage.timeout > 0 ? storage.timeout * 1000 : 5000, LONGEST_MS),
    keyPrefix: storage.key_prefix || storage.redis_key_prefix || "analytics-",
    tls: tlsOf(storage, draft),
    iam: iamOf(storage, draft),
  };
}

/** `addrs` wins over `hosts`, `hosts` over `host` and `port`. */
function addresses(storage: Storage, draft: Draft): Address[] {
  const several = storage.master_name !== "" || storage.enable_cluster;
  const port = storage.master_name !== "" ? SENTINEL_PORT : REDIS_PORT;
  const hosts = Object.entries(storage.hosts).map(([host, port]) => `${bracketed(host)}:${port}`);
  for (const text of [storage.host, ...storage.addrs, ...hosts]) if (text.includes("@")) draft.hide(text);
  for (const [key, all] of [
    ["addrs", storage.addrs],
    ["hosts", hosts],
  ] as const) {
    if (all.length === 0) continue;
    if (!several) onlyFirst(key, all, draft);
    return (several ? all : all.slice(0, 1)).map((text) => splitAddress(text) ?? badAddress(key, text, port, draft));
  }
  if (storage.port !== 0) return [{ host: withoutBrackets(storage.host) || LOCAL, port: storage.port }];
  // Nothing names a node. That is fine where nothing meant to.
  refuse(draft.whyUnread(PATH));
  refuseUnread(["addrs", "hosts", "host", "port"], draft);
  if (storage.host !== "" && !draft.whyUnread(`${PATH}.port`)) {
    draft.report("SLUICE_CONFIG_AMBIGUOUS", WARNING, {
      path: `${PATH}.host`,
      message: `${PATH}.host is not used without ${PATH}.port: ${LOCAL}:${port} is.`,
      mend: `Set ${PATH}.port.`,
    });
  }
  return [{ host: LOCAL, port }];
}

const TLS_VERSIONS: { [version: string]: TlsVersion } = {
  "1.0": "TLSv1",
  "1.1": "TLSv1.1",
  "1.2": "TLSv1.2",
  "1.3": "TLSv1.3",
};

/** Nothing of it is looked at without TLS. */
function tlsOf(storage: Storage, draft: Draft): TlsConfig | undefined {
  if (!storage.use_ssl && !storage.redis_use_ssl) return undefined;
  const minVersion = tlsVersion("ssl_min_version", storage.ssl_min_version, "TLSv1.2", draft);
  const maxVersion = tlsVersion("ssl_max_version", storage.ssl_max_version, "TLSv1.3", draft);
  if (minVersion > maxVersion) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: `${PATH}.ssl_min_version`,
      message: `${PATH}.ssl_min_version is above ssl_max_version.`,
      mend: "Swap them.",
    });
  }
  const { ssl_cert_file: certFile, ssl_key_file: keyFile } = storage;
  if ((certFile === "") !== (keyFile === "")) {
    draft.report("SLUICE_CONFIG_NO_EFFECT", WARNING, {
      path: `${PATH}.${certFile === "" ? "ssl_key_file" : "ssl_cert_file"}`,
      message: `${PATH}.ssl_cert_file and ssl_key_file have an effect only together.`,
      mend: "Set both or none.",
    });
  }
  const pair = certFile !== "" && keyFile !== "";
  for (const key of pair ? TLS_FILES : TLS_FILES.slice(0, 1)) readable(key, storage[key], draft);
  return {
    caFile: storage.ssl_ca_file,
    certFile: pair ? certFile : "",
    keyFile: pair ? keyFile : "",
    insecure: storage.ssl_insecure_skip_verify || storage.redis_ssl_insecure_skip_verify,
    minVersion,
    maxVersion,
  };
}

const TLS_FILES = ["ssl_ca_file", "ssl_cert_file", "ssl_key_file"] as const;

function readable(key: string, file: string, draft: Draft): void {
  if (file === "") return;
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: `${PATH}.${key}`,
      message: `The file of ${PATH}.${key} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
      mend: "Correct the path, or give Sluice's user the right to read it.",
    });
  }
}

function tlsVersion(key: string, text: string, otherwise: TlsVersion, draft: Draft): TlsVersion {
  const version = text === "" ? otherwise : TLS_VERSIONS[text];
  if (version !== undefined) return version;
  draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
    path: `${PATH}.${key}`,
    message: `${PATH}.${key} must be one of ${Object.keys(TLS_VERSIONS).join(", ")}, but is ${JSON.stringify(text)}.`,
    mend: "Correct it.",
  });
  return otherwise;
}

/** As the host of a URL. */
function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** `host:port`, `:port`, `[v6]:port`. */
function splitAddress(text: string): Address | undefined {
  const match = /^(?:\[([^\]@]*)\]|([^:@]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65535) return undefined;
  return { host: (match[1] ?? match[2]) || LOCAL, port };
}

function badAddress(key: string, text: string, port: number, draft: Draft): Address {
  draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
    path: `${PATH}.${key}`,
    message: `${PATH}.${key} must name a node as "host:port", but has ${JSON.stringify(text)}.`,
    mend: text.includes("@") ? "Write who signs in under `username` and `password`." : "Correct it.",
  });
  return { host: LOCAL, port };
}

function onlyFirst(key: string, all: readonly string[], draft: Draft): void {
  if (all.length < 2) return;
  draft.report("SLUICE_CONFIG_AMBIGUOUS", WARNING, {
    path: `${PATH}.${key}`,
    message: `${PATH}.${key} names ${all.length} nodes; only ${all[0]} is used.`,
    mend: "Name one node, or set enable_cluster.",
  });
}

/** A value that somebody wrote and that cannot be read would silently change where data comes from. */
function refuseUnread(keys: readonly string[], draft: Draft): void {
  for (const key of keys) {
    refuse(draft.whyUnread(`${PATH}.${key}`) ?? draft.whyPartUnread(`${PATH}.${key}`));
  }
}

function refuse(problem: Problem | undefined): void {
  if (problem) Object.assign(problem, { severity: "error", mend: "Correct it." });
}

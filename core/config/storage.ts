import type { RedisLogConfig } from "./config.ts";
import type { Draft } from "./draft.ts";
import type { Storage } from "./schema.ts";

const PATH = "analytics_storage_config";
const DEFAULT_ADDRESS = { host: "127.0.0.1", port: 6379 };
const ERROR = { severity: "error" } as const;
const WARNING = { severity: "warning" } as const;

/** One Redis node out of Tyk's storage settings: `addrs` wins over `hosts`, `hosts` over `host` and `port`. */
export function redisLog(storage: Storage, draft: Draft): RedisLogConfig {
  if (storage.type !== "" && storage.type !== "redis") {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: `${PATH}.type`,
      message: `${PATH}.type must be "redis", but is ${JSON.stringify(storage.type)}.`,
      mend: 'Write "redis" or leave it out.',
    });
  }
  refuseUnread(["type", "username", "password", "database", "key_prefix", "redis_key_prefix"], draft);
  if (storage.timeout < 0) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", WARNING, {
      path: `${PATH}.timeout`,
      message: `${PATH}.timeout is below 0; 5 seconds are used.`,
      mend: "Write the seconds, or leave it out.",
    });
  }
  return {
    engine: "redis",
    ...address(storage, draft),
    username: storage.username,
    password: storage.password,
    database: storage.database,
    timeoutMs: (storage.timeout > 0 ? storage.timeout : 5) * 1000,
    keyPrefix: storage.key_prefix || storage.redis_key_prefix || "analytics-",
  };
}

function address(storage: Storage, draft: Draft): { host: string; port: number } {
  if (storage.addrs.length > 0) {
    onlyFirst("addrs", storage.addrs, draft);
    const parsed = splitAddress(storage.addrs[0]!);
    if (parsed) return parsed;
    return badAddress("addrs", storage.addrs[0]!, draft);
  }
  const hosts = Object.entries(storage.hosts);
  if (hosts.length > 0) {
    onlyFirst(
      "hosts",
      hosts.map(([host]) => host),
      draft,
    );
    const [host, port] = hosts[0]!;
    return (
      splitAddress(`${host.includes(":") ? `[${host}]` : host}:${port}`) ??
      badAddress("hosts", `${host}:${port}`, draft)
    );
  }
  if (storage.port !== 0) return { host: storage.host || DEFAULT_ADDRESS.host, port: storage.port };
  // Nothing names a node. That is fine where nothing meant to.
  refuseUnread(["addrs", "hosts", "host", "port"], draft);
  if (storage.host !== "" && !draft.whyUnread(`${PATH}.port`)) {
    draft.report("SLUICE_CONFIG_AMBIGUOUS", WARNING, {
      path: `${PATH}.host`,
      message: `${PATH}.host is not used without ${PATH}.port: 127.0.0.1:6379 is.`,
      mend: `Set ${PATH}.port.`,
    });
  }
  return DEFAULT_ADDRESS;
}

/** `host:port`, `:port`, `[v6]:port`. */
function splitAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65535) return undefined;
  return { host: (match[1] ?? match[2]) || DEFAULT_ADDRESS.host, port };
}

function badAddress(key: string, text: string, draft: Draft): { host: string; port: number } {
  draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
    path: `${PATH}.${key}`,
    message: `${PATH}.${key} must name a node as "host:port", but has ${JSON.stringify(text)}.`,
    mend: "Correct it.",
  });
  return DEFAULT_ADDRESS;
}

function onlyFirst(key: string, all: readonly string[], draft: Draft): void {
  if (all.length < 2) return;
  draft.report("SLUICE_CONFIG_AMBIGUOUS", WARNING, {
    path: `${PATH}.${key}`,
    message: `${PATH}.${key} names ${all.length} nodes; only ${all[0]} is used.`,
    mend: "Name one node.",
  });
}

/** A value that somebody wrote and that cannot be read would silently change where data comes from. */
function refuseUnread(keys: readonly string[], draft: Draft): void {
  for (const key of keys) {
    const problem = draft.whyUnread(`${PATH}.${key}`);
    if (problem) Object.assign(problem, { severity: "error", mend: "Correct it." });
  }
}

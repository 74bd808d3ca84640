import { isDeepStrictEqual } from "node:util";
import type { Config, RedisLogConfig } from "../config/config.ts";

/** Where the file sets what a running pump cannot change, by the part of the configuration that it becomes. */
const PLACES = {
  log: "analytics_storage_config, sluice.log or sluice.backlog",
  delivery: "sluice.delivery",
  health: "health_check_endpoint_name, health_check_endpoint_port or sluice.health",
  console: "sluice.console",
  daemon: "sluice.daemon",
  secretsRefreshMs: "sluice.secrets",
  watch: "sluice.reload",
} as const satisfies { readonly [part in keyof Config]?: string };

/** What differs and takes effect only after a restart, by its place in the configuration. */
export function atRestart(present: Config, next: Config): string[] {
  const differing = Object.entries(PLACES).filter(([part]) => {
    const [a, b] = [present, next].map((config) => restarts(config)[part as keyof typeof PLACES]);
    return !isDeepStrictEqual(a, b);
  });
  const format = present.logging.format === next.logging.format ? [] : ["log_format"];
  return [...differing.map(([, place]) => place), ...format];
}

/** User and password change in a running pump. */
function restarts(config: Config): Config {
  const { log } = config;
  if (log.engine === "redis") return { ...config, log: unsigned(log) };
  return log.redis ? { ...config, log: { ...log, redis: unsigned(log.redis) } } : config;
}

function unsigned<C extends Pick<RedisLogConfig, "username" | "password">>(log: C): C {
  return { ...log, username: "", password: "" };
}

import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Config, SinkConfig } from "../config/config.ts";
import { type Loaded, readConfig } from "../config/load.ts";
import { stopsTheStart } from "../config/problem.ts";
import type { Secrets } from "../config/secrets/secrets.ts";
import { DEFAULT_FILE } from "../config/source.ts";
import { isSecretName } from "../logging/clean.ts";
import { createLogger, type Logger, type LoggerOptions } from "../logging/logger.ts";

/** Reads the configuration as the process sees it: its variables, its folder, its secrets (those given, where it is read again). */
export function readConfiguration(
  options: { conf?: string | undefined; debug?: boolean | undefined },
  secrets?: Secrets,
): ReturnType<typeof readConfig> {
  return readConfig({
    env: process.env,
    cwd: process.cwd(),
    flags: { debug: options.debug === true },
    ...(options.conf === undefined ? {} : { file: options.conf }),
    ...(secrets && { secrets }),
  });
}

/** The file that a command reads, absolute: as given, else `pump.conf` where there is one; null: variables and defaults alone. */
export function configurationFile(conf: string | undefined): string | null {
  if (process.env.TYK_PMP_OMITCONFIGFILE?.toLowerCase() === "true") return null;
  const file = resolve(conf ?? DEFAULT_FILE);
  return conf !== undefined || existsSync(file) ? file : null;
}

/** A logger as configured, that knows the configuration's secrets; `more.secrets`: those that only its loading knows. */
export function loggerFor(config: Config, more: Partial<LoggerOptions> = {}): Logger {
  return createLogger({ ...config.logging, ...more, secrets: [...(more.secrets ?? []), ...secretsOf(config)] });
}

/** Logs all problems at once; false: nothing can be started. */
export function reportProblems({ problems }: Pick<Loaded, "problems">, logger: Logger): boolean {
  for (const { severity, code, sink, place, message, mend } of problems) {
    const fields = { code, ...(sink === undefined ? {} : { sink }) };
    const line = `${place}: ${message} ${mend}`;
    if (severity === "error") logger.error(line, fields);
    else logger.warn(line, fields);
  }
  return !stopsTheStart(problems);
}

/** Values that must never be printed: whatever stands under a name like password, and the log's own password. */
export function secretsOf(config: Config): string[] {
  const found = new Set<string>();
  const walk = (value: unknown, name: string): void => {
    if (typeof value === "string") {
      if (isSecretName(name) && value !== "") found.add(value);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) walk(inner, Array.isArray(value) ? name : key);
    }
  };
  walk(config.log, "");
  walk(config.console, "");
  for (const sink of config.sinks) walk(sink.config, "");
  return [...found];
}

/** The folder that a CSV sink writes, or the file of one on SQLite, absolute; null for other sinks. */
export function outputPath({ config }: SinkConfig): string | null {
  const { csv_dir, type, connection_string } = (config ?? {}) as { [key: string]: unknown };
  if (typeof csv_dir === "string") return resolve(csv_dir);
  return type === "sqlite" && typeof connection_string === "string" ? resolve(connection_string) : null;
}

/** The file of SQLite with the aggregates of a configuration; null: there is none. */
export function analyticsFile({ sinks }: Config): string | null {
  const sink = sinks.find(({ type }) => type === "sql_aggregate");
  return sink === undefined ? null : outputPath(sink);
}

/** The same configuration over an embedded log in `folder`, what sinks write to files below it. */
export function inFolder(config: Config, folder: string, { moveOutput }: { moveOutput: boolean }): EmbeddedConfig {
  const sinks = moveOutput ? config.sinks.map((sink) => withOutput(sink, folder)) : config.sinks;
  return { ...config, sinks, log: { engine: "disk", folder: join(folder, "log") } };
}

export type EmbeddedConfig = Config & { log: { engine: "disk" } };

function withOutput(sink: SinkConfig, folder: string): SinkConfig {
  const path = outputPath(sink);
  if (path === null) return sink;
  const place = join(folder, basename(path));
  const config = sink.config as { [key: string]: unknown };
  return {
    ...sink,
    config: { ...config, ...("csv_dir" in config ? { csv_dir: place } : { connection_string: place }) },
  };
}

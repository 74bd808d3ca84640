import { join, resolve } from "node:path";
import type { Config, SinkConfig } from "../config/config.ts";
import { type Loaded, readConfig } from "../config/load.ts";
import { stopsTheStart } from "../config/problem.ts";
import { isSecretName } from "../logging/clean.ts";
import { createLogger, type Logger, type LoggerOptions } from "../logging/logger.ts";

/** Reads the configuration as the process sees it: its variables, its folder, its secrets. */
export function readConfiguration(options: {
  conf?: string | undefined;
  debug?: boolean | undefined;
}): ReturnType<typeof readConfig> {
  return readConfig({
    env: process.env,
    cwd: process.cwd(),
    flags: { debug: options.debug === true },
    ...(options.conf === undefined ? {} : { file: options.conf }),
  });
}

/** A logger as configured, that knows the configuration's secrets; `more.secrets`: those that only its loading knows. */
export function loggerFor(config: Config, more: Partial<LoggerOptions> = {}): Logger {
  return createLogger({ ...config.logging, ...more, secrets: [...(more.secrets ?? []), ...secretsOf(config)] });
}

/** Logs all problems at once; false: nothing can be started. */
export function reportProblems({ problems }: Loaded, logger: Logger): boolean {
  for (const { severity, code, sink, place, message, mend } of problems) {
    const fields = { code, ...(sink === undefined ? {} : { sink }) };
    const line = `${place}: ${message} ${mend}`;
    if (severity === "error") logger.error(line, fields);
    else logger.warn(line, fields);
  }
  return !stopsTheStart(problems);
}

/** Values that must never be printed: whatever stands under a name like password, and the log's own password. */
function secretsOf(config: Config): string[] {
  const found = new Set<string>();
  const walk = (value: unknown, name: string): void => {
    if (typeof value === "string") {
      if (isSecretName(name) && value !== "") found.add(value);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) walk(inner, Array.isArray(value) ? name : key);
    }
  };
  walk(config.log, "");
  for (const sink of config.sinks) walk(sink.config, "");
  return [...found];
}

/** The folder that a CSV sink writes, absolute; null for other sinks. */
export function outputFolder(sink: SinkConfig): string | null {
  const { config } = sink;
  if (typeof config !== "object" || config === null || !("csv_dir" in config)) return null;
  return typeof config.csv_dir === "string" ? resolve(config.csv_dir) : null;
}

/** The same configuration over an embedded log in `folder`, CSV sinks below it. */
export function inFolder(config: Config, folder: string, { moveOutput }: { moveOutput: boolean }): EmbeddedConfig {
  const sinks = moveOutput ? config.sinks.map((sink) => withOutput(sink, join(folder, sink.name))) : config.sinks;
  return { ...config, sinks, log: { engine: "disk", folder: join(folder, "log") } };
}

export type EmbeddedConfig = Config & { log: { engine: "disk" } };

function withOutput(sink: SinkConfig, folder: string): SinkConfig {
  if (outputFolder(sink) === null) return sink;
  return { ...sink, config: { ...(sink.config as object), csv_dir: folder } };
}

import { createInterface } from "node:readline/promises";
import type { Config } from "../config/config.ts";
import type { DeliveryLog } from "../log/log.ts";
import { loggerFor, readConfiguration, reportProblems } from "./configuration.ts";
import { CommandError } from "./errors.ts";
import type { Parts } from "./parts.ts";

/** Throws where nobody agrees. */
export async function consent(question: string, { yes }: { yes?: boolean }): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new CommandError(`${question} Without a terminal, say so with --yes.`);
  }
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    if (/^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())) return;
  } finally {
    lines.close();
  }
  throw new CommandError("Nothing was changed.");
}

/** Throws CommandError where it cannot be used. */
export async function configOf({ conf }: { conf?: string }): Promise<Config> {
  const loaded = await readConfiguration({ conf });
  const logger = loggerFor(
    { ...loaded.config, logging: { level: "error", format: "text" } },
    { secrets: loaded.hidden },
  );
  const starts = reportProblems(loaded, logger);
  logger.flush();
  if (!starts) throw new CommandError("The configuration cannot be used: see the errors above.");
  return loaded.config;
}

/** Works on the log of a configuration, without a pump. */
export async function withLog<T>(
  options: { conf?: string },
  parts: Parts,
  work: (log: DeliveryLog, config: Config) => Promise<T>,
): Promise<T> {
  const config = await configOf(options);
  const logger = loggerFor(config);
  const log = await parts.createLog(config, logger);
  try {
    // None: a look must not make a sink.
    await log.open([]);
    return await work(log, config);
  } finally {
    await log.close();
  }
}

import { existsSync } from "node:fs";
import type { Analytics } from "../compute/analytics.ts";
import { type Compute, createCompute } from "../compute/pool.ts";
import { describeError } from "../logging/index.ts";
import type { Logger } from "../logging/logger.ts";
import type { EmbeddedConfig } from "./configuration.ts";
import type { FeedOptions } from "./feed.ts";
import type { Parts } from "./parts.ts";
import { type Running, type RunOptions, run } from "./run.ts";

/** A pump over an embedded log, and what makes records for it. */
export interface Embedded {
  running: Running;
  /** For `feedBatches` and `feedSteadily`. */
  feed: FeedOptions;
  /** Stops the pump; then, where `analytics` names a file that its sinks have filled, gives answers from it. */
  stop(): Promise<Analytics | null>;
}

export interface EmbeddedOptions {
  config: EmbeddedConfig;
  parts: Parts;
  logger: Logger;
  health: NonNullable<RunOptions["health"]>;
  signal: AbortSignal;
  control?: NonNullable<RunOptions["control"]>;
  /** A file of SQLite with the tables of `sql` and `sql_aggregate`; null: nothing is asked. */
  analytics: string | null;
}

/** Throws what the log throws when it cannot be opened: another process has it, the disk is full. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { config, parts, logger, health, signal, control, analytics } = options;
  const compute = createCompute();
  try {
    const log = await parts.createEmbeddedLog(config.log, config.delivery);
    // The pump opens it again, which does nothing; but it would try for ever where this fails at once.
    await log.open(config.sinks.map(({ name, fingerprint, reads }) => ({ name, fingerprint, reads })));
    const running = await run({ config, log, parts, logger, health, ...(control && { control }) });
    return {
      running,
      feed: { log, generator: compute, status: running.status, signal },
      async stop() {
        try {
          await running.stop();
          return await answers(compute, analytics, logger);
        } finally {
          await compute.close();
        }
      },
    };
  } catch (error) {
    await compute.close();
    throw error;
  }
}

/** Null where no sink has made the file, or not its tables: the table of sinks says why. */
async function answers(compute: Compute, file: string | null, logger: Logger): Promise<Analytics | null> {
  if (file === null || !existsSync(file)) return null;
  try {
    return await compute.analytics(file);
  } catch (error) {
    logger.warn(`${file} gives no answers: ${describeError(error)}`);
    return null;
  }
}

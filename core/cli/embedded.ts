import { createCompute } from "../compute/pool.ts";
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
  /** Stops the pump and the threads that make records. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  config: EmbeddedConfig;
  parts: Parts;
  logger: Logger;
  health: NonNullable<RunOptions["health"]>;
  signal: AbortSignal;
}

/** Throws what the log throws when it cannot be opened: another process has it, the disk is full. */
export async function startEmbedded({ config, parts, logger, health, signal }: EmbeddedOptions): Promise<Embedded> {
  const generator = createCompute();
  try {
    const log = await parts.createEmbeddedLog(config.log, config.delivery);
    // The pump opens it again, which does nothing; but it would try for ever where this fails at once.
    await log.open(config.sinks.map(({ name, fingerprint, reads }) => ({ name, fingerprint, reads })));
    const running = await run({ config, log, parts, logger, health });
    return {
      running,
      feed: { log, generator, status: running.status, signal },
      async stop() {
        await Promise.all([running.stop(), generator.close()]);
      },
    };
  } catch (error) {
    await generator.close();
    throw error;
  }
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { type BatchRequest, type DemoRun, hourBatches } from "../demo/batch.ts";
import { days } from "../demo/grid.ts";
import { createRandom } from "../demo/random.ts";
import type { Logger } from "../logging/logger.ts";
import { inFolder } from "./configuration.ts";
import { missing, untilDelivered } from "./deliver.ts";
import { demoRun } from "./demo-source.ts";
import { startEmbedded } from "./embedded.ts";
import { EXIT } from "./errors.ts";
import { feedBatches } from "./feed.ts";
import type { Parts } from "./parts.ts";
import type { StartOptions } from "./program.ts";
import { watchSignals } from "./signals.ts";
import { version } from "./version.ts";

export interface DemoDataOptions {
  config: Config;
  parts: Parts;
  logger: Logger;
  options: StartOptions & { demo: string };
}

/** Tyk Pump's `--demo`: days of records through the configured sinks, then the end. Unlike there, buffers are flushed. */
export async function demoData({ config: configured, parts, logger, options }: DemoDataOptions): Promise<number> {
  const signals = watchSignals((message) => logger.warn(message));
  logger.info(`## Sluice, ${version()} ##`);
  const folder = await mkdtemp(join(tmpdir(), "sluice-demo-"));
  const config = inFolder(configured, folder, { moveOutput: false });
  const { signal } = signals;
  const starting = startEmbedded({ config, parts, logger, health: "required", signal, analytics: null });
  const { running, feed, stop } = await starting.catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });

  logger.info("BUILDING DEMO DATA AND EXITING...");
  const source = demoRun({
    org: options.demo,
    api: options.demoApi,
    apiVersion: options.demoApiVersion,
    trackPath: options.demoTrackPath,
  });
  const total = await feedBatches(feed, batches(options, source, logger));
  await untilDelivered(running, total, signal);
  const lost = missing(running.status(), total);
  await stop();
  for (const line of lost) logger.error(line);
  if (lost.length > 0) {
    logger.error("What is not delivered is kept", { folder: config.log.folder });
    return EXIT.failed;
  }
  await rm(folder, { recursive: true, force: true });
  return EXIT.ok;
}

/** All batches, day by day. */
function* batches(options: StartOptions, source: DemoRun, logger: Logger): Generator<BatchRequest> {
  const grid = {
    days: options.demoDays,
    recordsPerHour: options.demoRecordsPerHour,
    future: options.demoFutureData === true,
    now: Date.now(),
  };
  let finished = 0;
  for (const hours of days(grid, createRandom(source.seed))) {
    for (const hour of hours) yield* hourBatches(hour, source);
    logger.info(`Finished ${++finished} of ${options.demoDays}`);
  }
}

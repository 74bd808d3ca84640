import { setTimeout as sleep } from "node:timers/promises";
import type { Generator } from "../compute/pool.ts";
import type { BatchRequest } from "../demo/batch.ts";
import type { Status } from "../supervisor/status.ts";
import { slowest } from "./deliver.ts";
import type { EmbeddedLog } from "./parts.ts";

/** Records waiting for the slowest sink that works, above which no more are made: the disk is not ours to fill. */
const BACKLOG = 100_000;
const LOOK_MS = 20;

export interface FeedOptions {
  log: EmbeddedLog;
  generator: Generator;
  status: () => Status;
  signal: AbortSignal;
}

/** Makes these batches and appends them to the log, one ahead, as fast as the sinks follow. Gives the records appended. */
export async function feedBatches(
  { log, generator, status, signal }: FeedOptions,
  batches: Iterable<BatchRequest>,
): Promise<number> {
  const list = listOf(log);
  let total = 0;
  let ahead: Promise<Uint8Array[]> | undefined;
  const append = async (making: Promise<Uint8Array[]>) => {
    const records = await making;
    log.append(list, records);
    total += records.length;
  };
  for (const batch of batches) {
    if (signal.aborted) break;
    const making = generator.generate(batch);
    if (ahead !== undefined) await append(ahead);
    ahead = making;
    while (total - slowest(status()) > BACKLOG && !signal.aborted) await sleep(LOOK_MS);
  }
  if (ahead !== undefined) await append(ahead);
  return total;
}

/** Appends `rate` records a second until the signal. Gives the records appended. */
export async function feedSteadily(
  { log, generator, status, signal }: FeedOptions,
  rate: number,
  batch: (count: number, start: number) => BatchRequest,
): Promise<number> {
  const list = listOf(log);
  const started = performance.now();
  let due = Math.max(1, rate * (FEED_MS / 1000));
  let skipped = 0;
  let total = 0;
  while (!signal.aborted) {
    const count = Math.min(MOST_AT_ONCE, Math.floor(due - total - skipped));
    if (total - slowest(status()) > BACKLOG) skipped += count;
    else if (count > 0) {
      const records = await generator.generate(batch(count, Date.now()));
      log.append(list, records);
      total += records.length;
    }
    await sleep(FEED_MS, undefined, { signal }).catch(() => {});
    due = (rate * (performance.now() - started + FEED_MS)) / 1000;
  }
  return total;
}

const FEED_MS = 100;
const MOST_AT_ONCE = 10_000;

function listOf(log: EmbeddedLog): string {
  const list = log.lists.find(({ wire }) => wire === "msgpack");
  if (list === undefined) throw new Error("The embedded log has no list for msgpack records");
  return list.name;
}

import type { Hour } from "./grid.ts";
import type { RecordOptions } from "./record.ts";

/** A batch of records to make, as plain data: it crosses to a worker. */
export interface BatchRequest {
  /** The same request gives the same bytes. */
  seed: number;
  count: number;
  /** Of the first record, milliseconds since 1970. */
  start: number;
  /** Between records, milliseconds. */
  spacing: number;
  /** When the records expire, milliseconds since 1970. */
  expireAt: number;
  record: RecordOptions;
}

/** Records live for a year from when they were made. */
export const LIFETIME_MS = 8760 * 3_600_000;

/** What all batches of one run share. */
export type DemoRun = Pick<BatchRequest, "seed" | "expireAt" | "record">;

/** Most records of one batch, in memory at once. */
export const BATCH_RECORDS = 1000;

/** One hour of the grid as batches. */
export function* hourBatches(hour: Hour, run: DemoRun): Generator<BatchRequest> {
  // Each batch draws from a seed of its own, so that batches can be made in any order.
  const seed = run.seed ^ Math.imul(hour.start / 3_600_000, 0x9e3779b1);
  for (let from = 0; from < hour.records; from += BATCH_RECORDS) {
    yield {
      ...run,
      seed: seed + from,
      count: Math.min(BATCH_RECORDS, hour.records - from),
      start: hour.start + from * hour.spacing,
      spacing: hour.spacing,
    };
  }
}

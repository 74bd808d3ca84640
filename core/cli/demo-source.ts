import { randomInt } from "node:crypto";
import { BATCH_RECORDS, type BatchRequest, type DemoRun, LIFETIME_MS } from "../demo/batch.ts";
import { createRandom } from "../demo/random.ts";
import { apiKeys } from "../demo/record.ts";

const HOUR = 3_600_000;

export interface SourceOptions {
  org: string;
  seed?: number | undefined;
  api?: string | undefined;
  apiVersion?: string | undefined;
  trackPath?: boolean | undefined;
  /** The demonstration's own traffic, not the reference's demo data. */
  lively?: boolean;
}

/** What all batches of one run share. */
export function demoRun(options: SourceOptions): DemoRun {
  const { org, seed = randomInt(2 ** 31), api = "", apiVersion = "", trackPath = false, lively = false } = options;
  const keys = apiKeys(org, createRandom(seed));
  return { seed, expireAt: Date.now() + LIFETIME_MS, record: { org, api, apiVersion, trackPath, lively, keys } };
}

/** `records` in batches of 1,000, spread over the last hour. */
export function* lastHour(records: number, run: DemoRun): Generator<BatchRequest> {
  const spacing = HOUR / records;
  const first = Date.now() - HOUR;
  for (let from = 0; from < records; from += BATCH_RECORDS) {
    yield {
      ...run,
      seed: run.seed + from,
      count: Math.min(BATCH_RECORDS, records - from),
      start: Math.floor(first + from * spacing),
      spacing,
    };
  }
}

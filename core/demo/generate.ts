import { encodeMsgpack } from "@sluice/sdk/record";
import type { BatchRequest } from "./batch.ts";
import { createRandom } from "./random.ts";
import { demoRecord } from "./record.ts";

/** The records of a batch, as the gateway would push them (msgpack). */
export function generateBatch({ seed, count, start, spacing, expireAt, record }: BatchRequest): Uint8Array[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, i) =>
    encodeMsgpack(demoRecord(record, Math.floor(start + i * spacing), expireAt, random)),
  );
}

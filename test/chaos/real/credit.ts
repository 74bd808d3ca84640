import type { BatchShape } from "@sluice/sdk";
import { creditFor, limitsFor } from "../../../core/actor/limits.ts";

/** Records of a chunk: few, so that what one fault repeats stays small against what there is. */
export const CHUNK = 20;

const READY = { t: "ready", api: 1, reads: "analytics", gather: null, single: false, decodes: true } as const;

/** What one fault may repeat of one actor of a writer, records: all that one instance holds of it. */
export function creditOf(batch: BatchShape, concurrency: number): number {
  return creditFor(limitsFor({ ...READY, batch, concurrency }, 0), "writer").chunks * CHUNK;
}

import { BatchScope, createScanner, RecordBatch } from "../record/index.ts";
import type { AnalyticsRecord, Batch } from "../record/types.ts";
import { type ChunkOptions, slabOf, type TestRecord } from "./chunk.ts";

/**
 * A batch of one chunk, valid for ever: to try an encoder, or a function of a batch, by itself. Throws for wire bytes that cannot be
 * read. Records of uptime tests: `batch<UptimeRecord>(records, { wire: "uptime" })`.
 */
export function batch<R = AnalyticsRecord>(records: readonly TestRecord[], options: ChunkOptions = {}): Batch<R> {
  const { wire = "msgpack", chunk = "chunk", redelivered = false } = options;
  const { slab, at, count } = slabOf(records, wire);
  const offsets = new Uint32Array(slab, at, 2 * count);
  const { table, unreadable } = createScanner().scan({ bytes: Buffer.from(slab), offsets, count, wire });
  const [bad] = unreadable;
  if (bad) throw new TypeError(`Record ${bad.row} cannot be read: ${bad.reason}`);
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  const part = { chunk, from: 0, to: count, redelivered };
  return RecordBatch.of<R>([{ table, rows, start: 0, end: count, part, firstIndex: 0 }], new BatchScope());
}

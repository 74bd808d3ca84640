import type { Page } from "./table.ts";
import type { Wire } from "./types.ts";

/** Lays records out as the host does: one after the other in shared memory. For tests, benchmarks and the test kit. */
export function pageOf(records: readonly Uint8Array[], wire: Wire): Page {
  const size = records.reduce((sum, { length }) => sum + length, 0);
  const bytes = Buffer.from(new SharedArrayBuffer(size));
  const offsets = new Uint32Array(2 * records.length);
  let at = 0;
  for (const [i, record] of records.entries()) {
    bytes.set(record, at);
    offsets[2 * i] = at;
    at += record.length;
    offsets[2 * i + 1] = at;
  }
  return { bytes, offsets, count: records.length, wire };
}

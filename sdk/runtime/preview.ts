import { BatchScope, createScanner, type PrepareRows, pageOf, RecordBatch } from "../record/index.ts";
import type { Batch } from "../record/types.ts";
import type { PreviewRequest } from "./protocol.ts";

/** What the sink says that it would send, record by record; null: it leaves that one out. */
export function previewRecords(
  preview: (batch: Batch<never>) => string | null,
  { wire, records }: PreviewRequest,
  prepare: PrepareRows,
): (string | null)[] {
  const raws = records.map(({ raw }) => Buffer.from(raw, "base64"));
  const { table, unreadable } = createScanner().scan(pageOf(raws, wire));
  const taken = new Set(prepare(table, unreadable).rows);
  const scope = new BatchScope();
  return records.map(({ chunk, index }, row) => {
    if (!taken.has(row)) return null;
    // A batch of its own, in which the record has the identity that it will be delivered under.
    const part = { chunk, from: index, to: index + 1, redelivered: false };
    const rows = Uint32Array.of(row);
    return preview(RecordBatch.of<never>([{ table, rows, start: 0, end: 1, part, firstIndex: index - row }], scope));
  });
}

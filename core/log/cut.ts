import { LOG_ERROR_CODES, LogError } from "./errors.ts";

/** SQLite's bound of one value, with room for the row. */
const MAX_BLOB = 999_000_000;

/** One chunk to be: its records' bytes one behind the other. */
export interface Cut {
  ends: Uint32Array;
  data: Buffer;
}

/** Cuts records into chunks of at most the limits; a record larger than `chunkBytes` is a chunk of its own. */
export function cut(
  records: readonly Uint8Array[],
  { chunkRecords, chunkBytes }: { chunkRecords: number; chunkBytes: number },
): Cut[] {
  const cuts: Cut[] = [];
  for (let from = 0; from < records.length; ) {
    let bytes = 0;
    let to = from;
    while (
      to < records.length &&
      to - from < chunkRecords &&
      (to === from || bytes + records[to]!.length <= chunkBytes)
    ) {
      bytes += records[to++]!.length;
    }
    if (bytes > MAX_BLOB) {
      throw new LogError(
        LOG_ERROR_CODES.refused,
        `A record of ${bytes} bytes is more than the log keeps (${MAX_BLOB}).`,
      );
    }
    const ends = new Uint32Array(to - from);
    const data = Buffer.allocUnsafe(bytes);
    for (let i = from, end = 0; i < to; i++) {
      data.set(records[i]!, end);
      end += records[i]!.length;
      ends[i - from] = end;
    }
    cuts.push({ ends, data });
    from = to;
  }
  return cuts;
}

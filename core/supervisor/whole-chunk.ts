import type { ChunkRef, ListLog } from "../log/log.ts";
import type { SpooledChunk } from "../log/spool-store.ts";
import { millisOf } from "../log/stream-id.ts";

/** What one read gets at most, unless a record is larger. */
const SLAB_BYTES = 2 * 2 ** 20;

/** Reads a chunk whole, for the disk. Null: the log does not have it. Throws LogError. */
export async function readWhole(list: ListLog, ref: ChunkRef): Promise<SpooledChunk | null> {
  let slab = new SharedArrayBuffer(SLAB_BYTES);
  const ends = new Uint32Array(ref.records);
  const pages: Buffer[] = [];
  let bytes = 0;
  for (let from = 0; from < ref.records; ) {
    const result = await list.read(ref, from, slab);
    if ("missing" in result) return null;
    if ("need" in result) {
      slab = new SharedArrayBuffer(result.need);
      continue;
    }
    const offsets = new Uint32Array(slab, result.at, 2 * (result.to - from));
    const page = Buffer.allocUnsafe(result.bytes);
    for (let i = 0, at = 0; i < result.to - from; i++) {
      const [start, end] = [offsets[2 * i]!, offsets[2 * i + 1]!];
      page.set(new Uint8Array(slab, start, end - start), at);
      at += end - start;
      ends[from + i] = bytes + at;
    }
    pages.push(page);
    bytes += result.bytes;
    from = result.to;
  }
  return { name: ref.chunk, at: millisOf(ref.entry), ends, data: Buffer.concat(pages, bytes) };
}

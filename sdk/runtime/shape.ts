import type { BatchShape } from "../sink/definition.ts";
import type { Piece } from "./piece.ts";
import type { Slice } from "./task.ts";

/** Pieces waiting for a call, in order. Joins small ones and cuts large ones to the batch that a sink likes. */
export class Shaper {
  #queue: Piece[] = [];
  #records = 0;
  #bytes = 0;

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  /** When the oldest waiting piece arrived. */
  get since(): number | null {
    return this.#queue[0]?.arrived ?? null;
  }

  push(piece: Piece): void {
    this.#queue.push(piece);
    this.#records += piece.rows.length;
    this.#bytes += piece.bytes;
  }

  /** Whether waiting longer could not make the next batch better. */
  full(shape: Required<BatchShape>): boolean {
    return this.#records >= shape.records || this.#bytes >= shape.bytes || this.#queue.some((piece) => piece.alone);
  }

  /** The next batch: at most so many records and bytes, but at least one record. A piece that is alone is not joined. */
  cut(shape: Required<BatchShape>): Slice[] {
    const slices: Slice[] = [];
    let records = shape.records;
    let bytes = shape.bytes;
    while (this.#queue.length > 0 && records > 0 && bytes > 0) {
      const piece = this.#queue[0]!;
      if (slices.length > 0 && (piece.alone || slices[0]!.piece.alone)) break;
      const start = piece.next;
      const end = fit(piece, start, records, bytes, slices.length === 0);
      if (end === start) break;
      const size = piece.bytesOf(start, end);
      slices.push({ piece, start, end });
      records -= end - start;
      bytes -= size;
      this.#records -= end - start;
      this.#bytes -= size;
      piece.next = end;
      if (end < piece.rows.length) break;
      this.#queue.shift();
    }
    return slices;
  }

  /** Takes out pieces of which no record was given to a call. */
  withdraw(wanted: (piece: Piece) => boolean): Piece[] {
    const out = this.#queue.filter((piece) => piece.next === 0 && wanted(piece));
    this.discard(out);
    return out;
  }

  /** Forgets what is left of these. */
  discard(pieces: readonly Piece[]): void {
    if (pieces.length === 0) return;
    const gone = new Set(pieces);
    this.#queue = this.#queue.filter((piece) => !gone.has(piece));
    this.#records = 0;
    this.#bytes = 0;
    for (const piece of this.#queue) {
      this.#records += piece.rows.length - piece.next;
      this.#bytes += piece.bytesOf(piece.next, piece.rows.length);
    }
  }
}

/** How far rows [start, ..) fit. */
function fit(piece: Piece, start: number, records: number, bytes: number, first: boolean): number {
  const most = Math.min(piece.rows.length, start + records);
  if (start === 0 && most === piece.rows.length && piece.bytes <= bytes) return most;
  let left = bytes;
  let end = start;
  while (end < most) {
    left -= piece.bytesOf(end, end + 1);
    if (left < 0 && !(first && end === start)) break;
    end++;
  }
  return end;
}

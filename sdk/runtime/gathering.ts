import { type BatchScope, RecordBatch } from "../record/index.ts";
import type { Gather } from "../sink/definition.ts";
import type { Outcome, Piece } from "./piece.ts";
import type { Rejected } from "./protocol.ts";

interface Verdict {
  outcome: Outcome;
  reason: string;
}

/** One gather and the pieces in it. A ref counts on through the whole gather, so that `flush` can name a record. */
export class Gathering {
  readonly gather: Gather<never>;
  readonly pieces: Piece[] = [];
  /** The ref of each piece's first record. */
  readonly #bases: number[] = [];
  readonly #verdicts = new Map<number, Verdict>();
  records = 0;
  bytes = 0;
  /** To be flushed by the sink's word: nothing more is added. */
  full = false;
  /** To be flushed by time. What comes while another is still flushed is added: the next flush is one for all. */
  late = false;
  /** Its records come again. */
  dropped = false;

  constructor(gather: Gather<never>) {
    this.gather = gather;
  }

  /** The piece's records as a batch for `add`. */
  take(piece: Piece, scope: BatchScope): RecordBatch {
    const base = this.records;
    this.pieces.push(piece);
    this.#bases.push(base);
    this.records += piece.rows.length;
    this.bytes += piece.bytes;
    const { table, rows, part } = piece;
    return RecordBatch.of([{ table, rows, start: 0, end: rows.length, part, firstIndex: part.from }], scope, base);
  }

  settle(ref: number, outcome: Outcome, reason: string): void {
    if (!Number.isInteger(ref) || ref < 0 || ref >= this.records)
      throw new RangeError(`no record of this gather has ref ${ref}`);
    if (!this.#verdicts.has(ref)) this.#verdicts.set(ref, { outcome, reason });
  }

  /** Before it is complete: what could not be read, and what the sink has rejected so far. */
  rejected(): Rejected[] {
    const rejected = this.pieces.flatMap((piece) => piece.rejected);
    for (const [ref, { outcome, reason }] of this.#verdicts) {
      const { piece, row } = this.#find(ref);
      if (outcome === "rejected") rejected.push(piece.rejection(row, reason));
    }
    return rejected;
  }

  /** Flushed: all is written but what was rejected or left out. */
  complete(): void {
    for (const [ref, { outcome, reason }] of this.#verdicts) {
      const { piece, row } = this.#find(ref);
      piece.settle(row, outcome, reason);
    }
    for (const piece of this.pieces) {
      piece.counts.written += piece.open;
      piece.open = 0;
    }
  }

  #find(ref: number): { piece: Piece; row: number } {
    let low = 0;
    let high = this.#bases.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#bases[middle]! <= ref) low = middle;
      else high = middle - 1;
    }
    const piece = this.pieces[low]!;
    return { piece, row: piece.rows[ref - this.#bases[low]!]! };
  }
}

import { type BatchScope, RecordBatch } from "../record/index.ts";
import type { Outcome, Piece } from "./piece.ts";

/** Rows [start, end) of a piece. */
export interface Slice {
  readonly piece: Piece;
  readonly start: number;
  readonly end: number;
}

/** What one batch is made of, and what has become of each record. A ref is a position in the batch. */
export class Task {
  readonly slices: readonly Slice[];
  readonly size: number;
  #settled: Uint8Array;

  constructor(slices: readonly Slice[]) {
    this.slices = slices;
    this.size = slices.reduce((sum, { start, end }) => sum + end - start, 0);
    this.#settled = new Uint8Array(this.size);
  }

  /** All records, or only these. */
  batch(scope: BatchScope, refs: Uint32Array | null): RecordBatch {
    const whole = RecordBatch.of(
      this.slices.map(({ piece, start, end }) => ({
        table: piece.table,
        rows: piece.rows,
        start,
        end,
        part: piece.part,
        firstIndex: piece.part.from,
      })),
      scope,
    );
    return refs === null ? whole : whole.pick(refs);
  }

  /** Those of `refs` (null: of all) without an outcome. */
  open(refs: Uint32Array | null): Uint32Array {
    this.#forgetDropped();
    if (refs !== null) return refs.filter((ref) => this.#settled[ref] === 0);
    const open: number[] = [];
    for (let ref = 0; ref < this.size; ref++) if (this.#settled[ref] === 0) open.push(ref);
    return Uint32Array.from(open);
  }

  /** Takes the first word on a record. */
  settle(ref: number, outcome: Outcome, reason: string): void {
    if (this.#settled[ref] !== 0) return;
    this.#settled[ref] = 1;
    let first = 0;
    for (const { piece, start, end } of this.slices) {
      const position = start + ref - first;
      if (position < end) {
        piece.settle(piece.rows[position]!, outcome, reason);
        return;
      }
      first += end - start;
    }
  }

  /** The rest was written. */
  settleRest(refs: Uint32Array | null): void {
    if (refs !== null) {
      for (const ref of refs) this.settle(ref, "written", "");
      return;
    }
    // The usual case, a whole batch written at once, costs one pass over bytes.
    let first = 0;
    for (const { piece, start, end } of this.slices) {
      const size = end - start;
      let open = 0;
      for (let ref = first; ref < first + size; ref++) if (this.#settled[ref] === 0) open++;
      piece.counts.written += open;
      piece.open -= open;
      first += size;
    }
    this.#settled.fill(1);
  }

  /** What comes again needs no outcome here, and its memory is gone. */
  #forgetDropped(): void {
    let first = 0;
    for (const { piece, start, end } of this.slices) {
      const next = first + end - start;
      if (piece.dropped) this.#settled.fill(1, first, next);
      first = next;
    }
  }
}

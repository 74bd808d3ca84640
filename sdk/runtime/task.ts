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
    if (refs !== null) return refs.filter((ref) => this.#settled[ref] === 0);
    const open: number[] = [];
    for (let ref = 0; ref < this.size; ref++) if (this.#settled[ref] === 0) open.push(ref);
    return Uint32Array.from(open);
  }

  /** Takes the first word on a record; the piece that it completes, if any. */
  settle(ref: number, outcome: Outcome, reason: string): Piece | null {
    if (this.#settled[ref] !== 0) return null;
    this.#settled[ref] = 1;
    let first = 0;
    for (const { piece, start, end } of this.slices) {
      const position = start + ref - first;
      if (position < end) {
        piece.settle(piece.rows[position]!, outcome, reason);
        return piece.open === 0 ? piece : null;
      }
      first += end - start;
    }
    return null;
  }

  /** The rest was written; the pieces completed by that. */
  settleRest(refs: Uint32Array | null): Piece[] {
    const completed: Piece[] = [];
    let first = 0;
    if (refs === null) {
      // The usual case, a whole batch written at once, costs one pass over bytes.
      for (const { piece, start, end } of this.slices) {
        const size = end - start;
        let open = 0;
        for (let ref = first; ref < first + size; ref++) if (this.#settled[ref] === 0) open++;
        piece.counts.written += open;
        piece.open -= open;
        if (open > 0 && piece.open === 0) completed.push(piece);
        first += size;
      }
      this.#settled.fill(1);
      return completed;
    }
    for (const ref of refs) {
      const piece = this.settle(ref, "written", "");
      if (piece) completed.push(piece);
    }
    return completed;
  }
}

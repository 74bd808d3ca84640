import type { PreparedRows, RecordTable } from "../record/index.ts";
import type { Part } from "../record/types.ts";
import type { Counts, Rejected } from "./protocol.ts";

/** Why a record needs no more care. */
export type Outcome = "written" | "rejected" | "skipped";

/**
 * One piece of a chunk in this thread: its records scanned and prepared, and how many of them are still open. It ends
 * once all of them are written, rejected or left out.
 */
export class Piece {
  readonly seq: number;
  readonly part: Part;
  readonly alone: boolean;
  readonly table: RecordTable;
  /** Rows that passed the filters. */
  readonly rows: Uint32Array;
  readonly rejected: Rejected[] = [];
  readonly counts: Counts = { written: 0, filtered: 0, skipped: 0, retries: 0 };
  readonly arrived: number;
  /** Rows without an outcome. */
  open: number;
  /** Rows [next, ..) have not been given to a call yet. */
  next = 0;
  /** Calls under way that may read it. */
  calls = 0;
  /** Given up: it comes again, once no call can read it. */
  dropped = false;
  /** On the wire, of the kept rows. */
  readonly bytes: number;

  constructor(
    origin: { seq: number; part: Part; alone: boolean; arrived: number },
    table: RecordTable,
    prepared: PreparedRows,
  ) {
    this.seq = origin.seq;
    this.part = origin.part;
    this.alone = origin.alone;
    this.arrived = origin.arrived;
    this.table = table;
    this.rows = prepared.rows;
    this.open = prepared.rows.length;
    this.counts.filtered = prepared.filtered;
    this.bytes = this.bytesOf(0, prepared.rows.length);
  }

  /** Bytes on the wire of rows [start, end). */
  bytesOf(start: number, end: number): number {
    let bytes = 0;
    for (let i = start; i < end; i++) bytes += this.table.end(this.rows[i]!) - this.table.start(this.rows[i]!);
    return bytes;
  }

  reject(row: number, reason: string): void {
    this.rejected.push(this.rejection(row, reason));
  }

  rejection(row: number, reason: string): Rejected {
    return { seq: this.seq, index: this.part.from + row, reason };
  }

  /** One record less to care for. */
  settle(row: number, outcome: Outcome, reason: string): void {
    this.open--;
    if (outcome === "written") this.counts.written++;
    else if (outcome === "skipped") this.counts.skipped++;
    else this.reject(row, reason);
  }
}

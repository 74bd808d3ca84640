import type { Clock } from "./clock.ts";
import type { Meter } from "./meter.ts";
import type { Piece } from "./piece.ts";
import type { Limits, Rejected } from "./protocol.ts";

/** During which call something happened. */
export type During = "open" | "write" | "add" | "flush";

/** What a runner tells the world outside the thread. */
export interface Host {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly meter: Meter;
  /** Has these dead letters stored, and calls back then, if ever. Of one gather at a time: the last one counts. */
  rejecting(rejected: Rejected[], stored: () => void): void;
  /** All records of the piece have an outcome. */
  settled(piece: Piece): void;
  /** The piece's memory may be reused; its outcome is still open. */
  released(piece: Piece): void;
  /** To be delivered again; `narrow`: one chunk a gather. `doubted`: what `rejecting` said of them was not so; default false. */
  returned(pieces: readonly Piece[], narrow: boolean, error: unknown, doubted?: boolean): void;
  /** Waits until then before the next try; null: no longer. */
  waiting(until: number | null, attempt: number, error: unknown): void;
  /** The configuration is at fault: suspend this sink. */
  fatal(during: During, error: unknown): void;
  /** This thread cannot go on (a call that ignores its deadline). Ends it. */
  end(reason: string): void;
}

/** Drives a plugin's writer or gatherer. */
export interface Runner {
  accept(piece: Piece): void;
  /** Leases lost: gives back what is not begun. A flush that waits for its dead letters is not. */
  revoke(seqs: ReadonlySet<number>): void;
  /** Gives back what is not begun, settles what is; resolves when nothing is in hand. */
  drain(): Promise<void>;
  close(): void;
}

/** Thrown through a runner's own code when work is given up; never shown. */
export const STOPPED = Symbol("stopped");

import type { ChunkRef, ListLog } from "../log/log.ts";
import type { Loaded, LoadResult } from "./chunk-reader.ts";

/** A chunk in the hands of one sink: leased, and not yet acknowledged. */
export interface Holding {
  readonly list: ListLog;
  readonly ref: ChunkRef;
  /** Records without an outcome. */
  open: number;
  /** Which actor has its pieces: they come in order, to one. */
  actor: number | null;
  /** Given to an actor before. */
  again: boolean;
  /** The lease was last known good then, ms of the monotonic clock. */
  leasedAt: number;
  /** Nothing of it is given out for a while: the log did not give it, or its lease is in doubt. */
  delayed: boolean;
  /** How often in a row that was so. */
  delays: number;
  /** Somebody else has it now: no further piece is handed out. */
  lost: boolean;
  /** The log does not have it: there is nothing to deliver. */
  missing: boolean;
  /** Dead letters to be stored before the acknowledgement, by their index: one each, however often a record is rejected. */
  readonly letters: Map<number, Letter>;
}

export interface Letter {
  readonly index: number;
  readonly reason: string;
  /** In the log; null until it is stored. */
  id: string | null;
}

/** The first reason counts. */
export function reject({ letters }: Holding, index: number, reason: string): void {
  if (!letters.has(index)) letters.set(index, { index, reason, id: null });
}

/** Letters that are not stored yet. */
export function unstored({ letters }: Holding): Letter[] {
  return letters.size === 0 ? [] : [...letters.values()].filter(({ id }) => id === null);
}

/** Records [from, to) of a holding, to be given to an actor. */
export interface Piece {
  readonly holding: Holding;
  readonly from: number;
  to: number;
  /** Not joined with others, and nothing else comes to the actor until it is released. */
  readonly alone: boolean;
  /** Actors that crashed with it in their hands, unreleased. */
  readonly crashes: number;
  load: Promise<LoadResult> | null;
}

/** A piece with an actor. */
export interface Sent {
  readonly piece: Piece;
  readonly actor: number;
  readonly at: number;
  /** On the wire. */
  readonly bytes: number;
  /** Null once released. */
  loaded: Loaded | null;
}

export function pieceOf(holding: Holding, from: number, to: number, alone = false, crashes = 0): Piece {
  return { holding, from, to, alone, crashes, load: null };
}

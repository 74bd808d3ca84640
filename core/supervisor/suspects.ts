import { type Holding, type Piece, pieceOf } from "./holding.ts";

/** A piece unreleased at so many crashes comes alone, then record by record. */
export const CRASHES_UNTIL_ALONE = 3;
/** So many records in a row that crash the actor when alone, and it is the sink that is broken. */
export const SUSPECTS_IN_A_ROW = 20;
/** Chunks that crashed an actor and went elsewhere are never heard of again: so many are remembered. */
const MOST_CRASHED = 1000;

export interface Suspect {
  readonly piece: Piece;
  readonly reason: string;
  /** Something that lies behind it in its chunk was given back unwritten, as far as is known: a watermark may have passed it. */
  unclear: boolean;
}

/** The search for the record that crashes an actor. */
export class Suspects {
  /** How often an actor crashed with the chunk in its hands. Outlives a suspension, or the search would begin anew each time. */
  readonly #crashes = new Map<string, number>();
  /** Records that crashed an actor when alone with it, until something passes. */
  #held: Suspect[] = [];

  get inARow(): number {
    return this.#held.length;
  }

  /** All of a chunk as it goes out. */
  split(holding: Holding): Piece[] {
    return suspected(holding, 0, holding.ref.records, this.#crashes.get(holding.ref.chunk) ?? 0);
  }

  /** In an actor's hands when it crashed: as it goes out next, or that it is one record, which is found. */
  blame(piece: Piece, reason: string): Piece[] | Suspect {
    const { holding, from, to, alone } = piece;
    const { chunk } = holding.ref;
    const crashes = piece.crashes + 1;
    this.#crashes.set(chunk, Math.max(crashes, this.#crashes.get(chunk) ?? 0));
    if (this.#crashes.size > MOST_CRASHED) this.#crashes.delete(this.#crashes.keys().next().value!);
    if (crashes <= CRASHES_UNTIL_ALONE || to - from > 1) return suspected(holding, from, to, crashes, alone);
    const why = `the sink's actor ended with this record alone in its hands: ${reason}`;
    const suspect = { piece, reason: why, unclear: false };
    this.#held.push(suspect);
    return suspect;
  }

  /** Something passed: the sink works, so these were at fault. */
  convict(): Suspect[] {
    return this.#held.splice(0);
  }

  /** What lay behind them in this chunk may have been written or not. */
  cloud(holding: Holding): void {
    for (const suspect of this.#held) if (suspect.piece.holding === holding) suspect.unclear = true;
  }

  /** Given up without a verdict. */
  acquit(): Suspect[] {
    return this.#held.splice(0);
  }

  /** Those of one chunk, which somebody else has. */
  drop(holding: Holding): void {
    this.#held = this.#held.filter(({ piece }) => piece.holding !== holding);
  }

  /** The chunk is done with. */
  forget(chunk: string): void {
    this.#crashes.delete(chunk);
  }
}

/** Records [from, to) after so many crashes: alone from the third on, then record by record. */
function suspected(holding: Holding, from: number, to: number, crashes: number, alone = false): Piece[] {
  if (crashes <= CRASHES_UNTIL_ALONE) {
    return [pieceOf(holding, from, to, alone || crashes === CRASHES_UNTIL_ALONE, crashes)];
  }
  return Array.from({ length: to - from }, (_, i) => pieceOf(holding, from + i, from + i + 1, true, crashes));
}

import type { Sent } from "./holding.ts";

/** What one actor has in its hands. */
export interface Hand {
  /** Sent, released or not. */
  all: number;
  /** Sent and not released: their memory is pinned. */
  pieces: number;
  bytes: number;
  /** Of these, pieces that must have the actor for themselves until they are released. */
  alone: number;
}

const EMPTY: Readonly<Hand> = { all: 0, pieces: 0, bytes: 0, alone: 0 };

/** The pieces that the actors of one sink have, by the number under which they were sent. */
export class Hands {
  readonly #sent = new Map<number, Sent>();
  readonly #byActor = new Map<number, Hand>();

  of(actor: number): Readonly<Hand> {
    return this.#byActor.get(actor) ?? EMPTY;
  }

  /** Of all actors. */
  total(): { pieces: number; bytes: number } {
    let pieces = 0;
    let bytes = 0;
    for (const hand of this.#byActor.values()) {
      pieces += hand.pieces;
      bytes += hand.bytes;
    }
    return { pieces, bytes };
  }

  get(seq: number): Sent | undefined {
    return this.#sent.get(seq);
  }

  /** In the order in which they were sent. */
  all(): IterableIterator<[number, Sent]> {
    return this.#sent.entries();
  }

  add(seq: number, sent: Sent): void {
    this.#sent.set(seq, sent);
    let hand = this.#byActor.get(sent.actor);
    if (!hand) this.#byActor.set(sent.actor, (hand = { ...EMPTY }));
    hand.all++;
    hand.pieces++;
    hand.bytes += sent.loaded!.bytes;
    if (sent.piece.alone) hand.alone++;
  }

  /** The actor no longer reads the piece's memory; what is to be unpinned, once. */
  release(seq: number): Sent["loaded"] {
    const sent = this.#sent.get(seq);
    const loaded = sent?.loaded ?? null;
    if (!sent || !loaded) return null;
    const hand = this.#byActor.get(sent.actor)!;
    hand.pieces--;
    hand.bytes -= loaded.bytes;
    if (sent.piece.alone) hand.alone--;
    sent.loaded = null;
    return loaded;
  }

  /** After `release`: the piece has ended. */
  remove(seq: number): Sent | undefined {
    const sent = this.#sent.get(seq);
    if (this.#sent.delete(seq)) this.#byActor.get(sent!.actor)!.all--;
    return sent;
  }
}

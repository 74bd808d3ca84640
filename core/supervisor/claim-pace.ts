/** Chunks that lie ready for a sink that takes them: they bridge the time that a claim needs. */
const LEAD = 8;
/** A look at the list that finds more records than these, which make one chunk, could have come sooner. */
const WORTH_A_LOOK = 1000;

/**
 * How soon the next chunk of a backlog is claimed. At once while some sink that works has fewer than LEAD chunks before it:
 * whether it has room for one at this very moment says nothing, since all have their hands full when all goes well. Ahead
 * of all of them, for half of the time at most: the gateway needs its Redis too.
 */
export class ClaimPace<S> {
  readonly #sinks: () => readonly S[];
  readonly #works: (sink: S) => boolean;
  /** Claimed here and not yet taken, as far as known: other instances claim and take too. */
  readonly #lead = new Map<S, number>();

  constructor(sinks: () => readonly S[], works: (sink: S) => boolean) {
    this.#sinks = sinks;
    this.#works = works;
  }

  claimed(): void {
    for (const sink of this.#sinks()) this.#lead.set(sink, this.#leadOf(sink) + 1);
  }

  /** It was given so many chunks of those it asked for; fewer: there are no more. */
  taken(sink: S, chunks: number, asked: number): void {
    this.#lead.set(sink, chunks < asked ? 0 : Math.max(0, this.#leadOf(sink) - chunks));
  }

  /** After a claim that took so long, ms. */
  pause(claimMs: number): number {
    return this.#sinks().some((sink) => this.#works(sink) && this.#leadOf(sink) < LEAD) ? 0 : claimMs;
  }

  /** After the list was found empty: `pollMs` at most, sooner where so many came since it was last empty that a look is worth its cost. */
  idle(pollMs: number, found: number): number {
    return pollMs * Math.min(1, WORTH_A_LOOK / found);
  }

  /** It is gone. */
  forget(sink: S): void {
    this.#lead.delete(sink);
  }

  #leadOf(sink: S): number {
    return this.#lead.get(sink) ?? 0;
  }
}

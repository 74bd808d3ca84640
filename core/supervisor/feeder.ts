import type { Logger } from "../logging/index.ts";
import type { ChunkReader, Loaded, LoadResult } from "./chunk-reader.ts";
import type { Crew } from "./crew.ts";
import type { Hands } from "./hands.ts";
import { type Holding, type Piece, pieceOf } from "./holding.ts";
import { CRASHES_UNTIL_ALONE } from "./suspects.ts";

/** A lease is trusted for this share of its length. */
const LEASE_TRUST = 0.8;
/** The log did not give a chunk: asked again after this, ms. */
const READ_RETRY_MS = 500;
/** One delay happens on a busy machine. */
const STUCK_DELAYS = 2;
/** Chunks that are read together for one sink, at most: the log finds neighbours at the price of one... */
const READ_AHEAD = 4;
/** ...once no more than so many of those read are left. */
const READ_AGAIN = 1;

export interface FeederHooks {
  /** The lease of this holding's list is in doubt: renew it now. */
  renew(holding: Holding): void;
  /** The log will never give this piece. */
  unreadable(piece: Piece, why: "missing" | "too large"): void;
}

/** Gives a sink's pieces to its actors: in the order of each chunk, each chunk to one actor, as far as credit and lease reach. */
export class Feeder {
  readonly #crew: Crew;
  readonly #hands: Hands;
  readonly #reader: ChunkReader;
  readonly #leaseMs: number;
  readonly #logger: Logger;
  readonly #hooks: FeederHooks;
  /** In the order in which they go out. */
  #todo: Piece[] = [];
  /** Of these nothing goes out. */
  readonly #withheld = new Set<Holding>();
  #seq = 0;
  #delayed = 0;
  #feeding = false;
  #again = false;
  #stopped = false;

  constructor(
    parts: { crew: Crew; hands: Hands; reader: ChunkReader; leaseMs: number; logger: Logger },
    hooks: FeederHooks,
  ) {
    this.#crew = parts.crew;
    this.#hands = parts.hands;
    this.#reader = parts.reader;
    this.#leaseMs = parts.leaseMs;
    this.#logger = parts.logger;
    this.#hooks = hooks;
  }

  /** Pieces that wait. */
  get waiting(): number {
    return this.#todo.length;
  }

  /** Of them, those that wait for the log, and their chunks: it did not give or vouch for these again and again, or they are withheld. */
  get stuck(): { pieces: number; chunks: number } {
    if (this.#delayed === 0 && this.#withheld.size === 0) return { pieces: 0, chunks: 0 };
    const stuck = this.#todo.filter(({ holding }) => holding.delays >= STUCK_DELAYS || this.#withheld.has(holding));
    return { pieces: stuck.length, chunks: new Set(stuck.map(({ holding }) => holding)).size };
  }

  append(pieces: readonly Piece[]): void {
    this.#todo.push(...pieces);
  }

  /** Ahead of what waits, but in the order of their chunk. */
  putBack(pieces: readonly Piece[]): void {
    this.#todo = inOrder([...pieces, ...this.#todo]);
  }

  /** Whatever else waits goes out before the rest of this chunk. */
  putLast(holding: Holding): void {
    const last = Map.groupBy(this.#todo, (piece) => piece.holding === holding);
    this.#todo = [...(last.get(false) ?? []), ...(last.get(true) ?? [])];
  }

  /** What this chunk still has goes out behind all else, and not before `stored` is settled. */
  async withhold(holding: Holding, stored: Promise<unknown>): Promise<void> {
    this.putLast(holding);
    this.#withheld.add(holding);
    await stored;
    this.#withheld.delete(holding);
    this.feed();
  }

  /** Takes pieces out again. */
  drop(which: (piece: Piece) => boolean): Piece[] {
    const dropped = this.#todo.filter(which);
    this.#todo = this.#todo.filter((piece) => !which(piece));
    for (const { load } of dropped) {
      // A read that is under way still pins what it brings.
      load?.then(
        (loaded) => typeof loaded !== "string" && this.#reader.unpin(loaded),
        () => {},
      );
    }
    return dropped;
  }

  /** Nothing more goes out. */
  stop(): void {
    this.#stopped = true;
  }

  /** Gives out what can be given out now. */
  feed(): void {
    this.#again = true;
    if (this.#feeding) return;
    this.#feeding = true;
    void (async () => {
      while (this.#again) {
        this.#again = false;
        await this.#feedAll();
      }
      this.#feeding = false;
    })();
  }

  async #feedAll(): Promise<void> {
    for (;;) {
      const piece = this.#next();
      if (!piece || this.#stopped) return;
      if (!this.#leased(piece.holding)) {
        this.#hooks.renew(piece.holding);
        this.#delay(piece.holding);
        continue;
      }
      this.#loadAhead();
      let loaded: LoadResult;
      try {
        loaded = await this.#load(piece);
      } catch (error) {
        piece.load = null;
        this.#logger.warn(`reading a chunk of ${piece.holding.list.name} failed, it is tried again`, { error });
        this.#delay(piece.holding);
        continue;
      }
      // Meanwhile the piece may have been handed back, others come ahead of it, or its lease run out.
      const at = this.#todo.indexOf(piece);
      if (at < 0 || this.#next() !== piece || !this.#leased(piece.holding)) continue;
      piece.load = null;
      if (typeof loaded === "string") {
        this.#todo.splice(at, 1);
        this.#hooks.unreadable(piece, loaded);
        continue;
      }
      const { holding, from } = piece;
      const to = Math.min(piece.to, loaded.to);
      const again = this.#actorFor(piece);
      if (again === null || (holding.actor ?? again) !== again) {
        this.#reader.unpin(loaded);
        continue;
      }
      const rest = to < piece.to ? [pieceOf(holding, to, piece.to, piece.alone, piece.crashes)] : [];
      this.#todo.splice(at, 1, ...rest);
      const sent = to === piece.to ? piece : pieceOf(holding, from, to, piece.alone, piece.crashes);
      this.#send(sent, again, loaded);
    }
  }

  #send(piece: Piece, actor: number, loaded: Loaded): void {
    const { holding, from, to, alone } = piece;
    const { chunk, first = 0 } = holding.ref;
    const seq = this.#seq++;
    holding.actor = actor;
    holding.delays = 0;
    this.#hands.add(seq, { piece, actor, at: performance.now(), bytes: loaded.bytes, loaded });
    this.#crew.send(
      actor,
      seq,
      {
        slab: loaded.slab,
        at: loaded.at + 8 * (from - loaded.from),
        slots: from === loaded.from && to === loaded.to ? loaded.slots : null,
        count: to - from,
        wire: holding.list.wire,
        chunk,
        from: first + from,
        to: first + to,
        redelivered: holding.again,
      },
      alone,
    );
  }

  /** The first piece that some actor can take now: one whose actor is busy does not hold up another's. */
  #next(): Piece | null {
    const waiting = new Set<Holding>();
    for (const piece of this.#todo) {
      if (this.#waits(piece) || waiting.has(piece.holding)) continue;
      if (this.#actorFor(piece) !== null) return piece;
      // It wants an actor for itself: if others went ahead, it might never find one.
      if (piece.alone) return null;
      waiting.add(piece.holding);
    }
    return null;
  }

  #waits({ holding }: Piece): boolean {
    return holding.delayed || this.#withheld.has(holding);
  }

  /** Which actor can take this piece now: the one that has its chunk, else the one with the least in hand. */
  #actorFor(piece: Piece): number | null {
    let best: number | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const actor of this.#crew.open()) {
      if (piece.holding.actor !== null && piece.holding.actor !== actor) continue;
      const credit = this.#crew.credit(actor)!;
      const { all, pieces, bytes, alone } = this.#hands.of(actor);
      if (alone > 0 || (piece.alone && pieces > 0)) continue;
      // What may crash the actor must not be mixed up with a gather in work.
      if (piece.crashes >= CRASHES_UNTIL_ALONE && all > 0) continue;
      if (pieces >= credit.pieces || bytes >= credit.bytes || pieces >= least) continue;
      best = actor;
      least = pieces;
    }
    return best;
  }

  #leased(holding: Holding): boolean {
    return performance.now() - holding.leasedAt < this.#leaseMs * LEASE_TRUST;
  }

  /** What cannot be given out now must not hold up the chunks behind it. All of a chunk waits: its pieces come in order. */
  #delay(holding: Holding): void {
    holding.delayed = true;
    holding.delays++;
    this.#delayed++;
    setTimeout(() => {
      this.#delayed--;
      holding.delayed = false;
      this.feed();
    }, READ_RETRY_MS).unref();
  }

  /**
   * Reads of the next pieces overlap with the work on this one. Of those that its actors have room for now, and one more: what
   * a slow sink has no room for would only take memory.
   */
  #loadAhead(): void {
    const next = this.#todo.filter((piece) => !this.#waits(piece)).slice(0, 1 + Math.min(READ_AHEAD, this.#room()));
    const first = next.findIndex(({ load }) => load === null);
    if (first < 0 || first > READ_AGAIN + 1) return;
    // Awaited later, or given up.
    for (const piece of next.slice(first)) this.#load(piece).catch(() => {});
  }

  /** Pieces that the actors could take now. */
  #room(): number {
    let room = 0;
    for (const actor of this.#crew.open()) {
      room += Math.max(0, this.#crew.credit(actor)!.pieces - this.#hands.of(actor).pieces);
    }
    return room;
  }

  #load(piece: Piece): Promise<LoadResult> {
    piece.load ??= this.#reader.load(piece.holding.list, piece.holding.ref, piece.from);
    return piece.load;
  }
}

/** A chunk's pieces go out in order, whatever the order in which they came back; the chunks stay in theirs. */
function inOrder(pieces: readonly Piece[]): Piece[] {
  const byHolding = Map.groupBy(pieces, ({ holding }) => holding);
  return [...byHolding.values()].flatMap((some) => some.sort((a, b) => a.from - b.from));
}

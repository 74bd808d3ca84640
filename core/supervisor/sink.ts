import type { FromThread } from "@sluice/sdk/runtime";
import type { Exit } from "../actor/actor.ts";
import type { SinkConfig } from "../config/config.ts";
import type { ChunkRef, ListLog } from "../log/log.ts";
import type { Logger } from "../logging/index.ts";
import { Acknowledger } from "./acknowledger.ts";
import type { ChunkReader } from "./chunk-reader.ts";
import { Crew, type CrewEvents, type Spawn } from "./crew.ts";
import { Hands } from "./hands.ts";
import { type Holding, type Piece, pieceOf, type Sent } from "./holding.ts";
import { Latency } from "./latency.ts";
import type { SinkStatus } from "./status.ts";

/** A piece unreleased at so many crashes comes alone, then record by record. */
const CRASHES_UNTIL_ALONE = 3;
/** So many records in a row that crash the actor when alone, and it is the sink that is broken. */
const SUSPECTS_IN_A_ROW = 20;
/** Chunks that crashed an actor and went elsewhere are never heard of again: so many are remembered. */
const MOST_CRASHED = 1000;
/** A lease is trusted for this share of its length. */
const LEASE_TRUST = 0.8;
/** The log did not give a chunk: asked again after this, ms. */
const READ_RETRY_MS = 500;
/** For the log's answer at the end, even when the calls used up the time, ms. */
const LEAST_PATIENCE_MS = 500;

export interface SinkHooks {
  /** There is credit again: take more. */
  hungry(): void;
  /** The lease of this list's chunks is in doubt: renew it now. */
  renew(list: ListLog): void;
}

/**
 * One sink on the supervisor's side: what it holds of the log, what its actors have in their hands, and what becomes
 * of it. Takes no part in any other sink's life.
 */
export class Sink {
  readonly config: SinkConfig;
  readonly crew: Crew;
  readonly #reader: ChunkReader;
  readonly #logger: Logger;
  readonly #hooks: SinkHooks;
  readonly #leaseMs: number;
  readonly #acknowledger: Acknowledger;
  readonly #holdings = new Map<string, Holding>();
  /** In the order in which they go out. */
  #todo: Piece[] = [];
  readonly #hands = new Hands();
  /** Records that crashed an actor when alone with it, until something passes. */
  #suspects: { piece: Piece; reason: string }[] = [];
  /** How often an actor crashed with the chunk in its hands. Outlives a suspension, or the search would begin anew each time. */
  readonly #crashes = new Map<string, number>();
  #seq = 0;
  #reserved = 0;
  #feeding = false;
  #feedAgain = false;
  #stopped = false;
  readonly #latency = new Latency();
  readonly #totals = {
    delivered: 0,
    deliveredBytes: 0,
    written: 0,
    filtered: 0,
    skipped: 0,
    deadLettered: 0,
    redelivered: 0,
    retries: 0,
  };

  constructor(
    config: SinkConfig,
    options: { leaseMs: number; letters: { records: number; bytes: number } },
    reader: ChunkReader,
    logger: Logger,
    hooks: SinkHooks,
    spawn?: Spawn,
  ) {
    this.config = config;
    this.#reader = reader;
    this.#logger = logger;
    this.#hooks = hooks;
    this.#leaseMs = options.leaseMs;
    const events: CrewEvents = {
      opened: () => {
        this.#feed();
        hooks.hungry();
      },
      message: (_actor, message) => this.#message(message),
      exit: (actor, exit) => this.#exit(actor, exit),
      suspended: () => void this.release(),
    };
    this.crew = new Crew(config, logger, events, spawn);
    this.#acknowledger = new Acknowledger(config.name, options.letters, {
      acknowledged: (holdings) => this.#acknowledged(holdings),
      failed: (error) =>
        logger.warn(`acknowledging chunks of sink ${config.name} failed, it is tried again`, { error }),
      overflow: (holding) => {
        this.#holdings.delete(holding.ref.chunk);
        void this.#handBack(holding.list, [holding.ref]);
        this.crew.suspend("it has as many dead letters as are kept: look at them, then replay or drop them");
      },
    });
  }

  get name(): string {
    return this.config.name;
  }

  /** How many more chunks it can take now. */
  credit(): number {
    if (this.#stopped) return 0;
    let pieces = 0;
    let chunks = 0;
    let bytes = 0;
    for (const actor of this.crew.open()) {
      const credit = this.crew.credit(actor)!;
      pieces += credit.pieces;
      chunks += credit.chunks;
      bytes += credit.bytes;
    }
    const inHand = this.#hands.total();
    if (inHand.bytes >= bytes) return 0;
    const free = Math.min(pieces - inHand.pieces - this.#todo.length, chunks - this.#holdings.size);
    return Math.max(0, free - this.#reserved);
  }

  /** Counts chunks that are being taken against the credit, until `accept`. */
  reserve(chunks: number): void {
    this.#reserved += chunks;
  }

  /** Chunks taken for this sink, of so many reserved. Their leases count from before they were asked for. */
  accept(list: ListLog, refs: readonly ChunkRef[], reserved: number, leasedAt: number): void {
    this.#reserved -= reserved;
    if (this.#stopped || this.crew.state === "suspended") {
      // They were on their way. Who takes nothing holds no lease.
      void this.#handBack(list, refs);
      return;
    }
    for (const ref of refs) {
      const known = this.#holdings.get(ref.chunk);
      if (known) {
        known.leasedAt = leasedAt;
        continue;
      }
      const holding: Holding = {
        list,
        ref,
        open: ref.records,
        actor: null,
        again: ref.redelivered,
        leasedAt,
        delayed: false,
        lost: false,
        missing: false,
        letters: [],
      };
      this.#holdings.set(ref.chunk, holding);
      if (ref.records === 0) this.#finish(holding);
      else this.#todo.push(...suspected(holding, 0, ref.records, this.#crashes.get(ref.chunk) ?? 0));
    }
    if (refs.length > 0) this.#feed();
    // Another list may have waited for what was reserved.
    if (refs.length < reserved) this.#hooks.hungry();
  }

  /** Chunks of this list whose leases want to be renewed. */
  held(list: ListLog): ChunkRef[] {
    const refs: ChunkRef[] = [];
    for (const holding of this.#holdings.values()) if (holding.list === list && !holding.lost) refs.push(holding.ref);
    return refs;
  }

  /** Whether it holds nothing of the log. */
  get empty(): boolean {
    return this.#holdings.size === 0;
  }

  /**
   * The leases of `refs` were good at `at`, but for `lost`: others have those now, how many is answered, or this sink was
   * acknowledging them.
   */
  renewed(refs: readonly ChunkRef[], lost: readonly ChunkRef[], at: number): number {
    for (const ref of refs) {
      const holding = this.#holdings.get(ref.chunk);
      if (!holding) continue;
      holding.leasedAt = at;
      holding.delayed = false;
    }
    const taken = lost.flatMap((ref) => this.#holdings.get(ref.chunk) ?? []).filter(({ open }) => open > 0);
    for (const holding of taken) this.#lose(holding);
    this.#feed();
    if (taken.length > 0) this.#hooks.hungry();
    return taken.length;
  }

  /** Hands everything back that is not finished; others, or this sink later, take it again. */
  async release(): Promise<void> {
    this.#dropTodo(() => true);
    this.#suspects = [];
    const byList = new Map<ListLog, ChunkRef[]>();
    const finished = new Set(this.#acknowledger.pending);
    for (const [chunk, holding] of this.#holdings) {
      if (finished.has(holding)) continue;
      this.#holdings.delete(chunk);
      if (holding.lost) continue;
      const refs = byList.get(holding.list);
      if (refs) refs.push(holding.ref);
      else byList.set(holding.list, [holding.ref]);
    }
    await Promise.all([...byList].map(([list, refs]) => this.#handBack(list, refs)));
  }

  async #handBack(list: ListLog, refs: readonly ChunkRef[]): Promise<void> {
    if (refs.length === 0) return;
    try {
      await list.release(this.name, refs);
    } catch (error) {
      this.#logger.warn(`handing back ${refs.length} chunks failed, they come again when their lease ends`, { error });
    }
  }

  /** No further piece goes out; calls in flight may finish until the deadlines. */
  async stop(drainUntil: number, closeUntil: number): Promise<number> {
    this.#stopped = true;
    await this.crew.stop("stop", drainUntil, closeUntil);
    this.#acknowledger.end();
    // A log that does not answer must not hold up the stop: what it does not hear comes again when the lease ends.
    await within(Math.max(LEAST_PATIENCE_MS, (closeUntil - Date.now()) / 2), this.#acknowledger.flush());
    const records = this.#open();
    await within(Math.max(LEAST_PATIENCE_MS, closeUntil - Date.now()), this.release());
    return records;
  }

  status(lag: SinkStatus["lag"]): SinkStatus {
    const { state, reason, restarts } = this.crew;
    return {
      name: this.name,
      type: this.config.type,
      state,
      reason,
      ready: this.crew.ready,
      ...this.#totals,
      restarts,
      lag,
      held: { chunks: this.#holdings.size, records: this.#open() },
      cpuSeconds: this.crew.cpuSeconds,
      actors: this.crew.status(),
      metrics: this.crew.metrics.status(),
      latency: this.#latency.status(),
    };
  }

  /** Records in hand without an outcome. */
  #open(): number {
    let records = 0;
    for (const holding of this.#holdings.values()) records += holding.open;
    return records;
  }

  // Handing out.

  #feed(): void {
    this.#feedAgain = true;
    if (this.#feeding) return;
    this.#feeding = true;
    void (async () => {
      while (this.#feedAgain) {
        this.#feedAgain = false;
        await this.#feedAll();
      }
      this.#feeding = false;
    })();
  }

  async #feedAll(): Promise<void> {
    for (;;) {
      const piece = this.#todo.find(({ holding }) => !holding.delayed);
      if (!piece || this.#stopped) return;
      const actor = this.#actorFor(piece);
      if (actor === null) return;
      if (!this.#leased(piece.holding)) {
        this.#hooks.renew(piece.holding.list);
        this.#delay(piece.holding);
        continue;
      }
      this.#loadAhead();
      let loaded: Awaited<NonNullable<Piece["load"]>>;
      try {
        loaded = await piece.load!;
      } catch (error) {
        piece.load = null;
        this.#logger.warn(`reading a chunk of ${piece.holding.list.name} failed, it is tried again`, { error });
        this.#delay(piece.holding);
        continue;
      }
      // Meanwhile the piece may have been handed back, others come ahead of it, or its lease run out.
      const at = this.#todo.indexOf(piece);
      const next = this.#todo.find(({ holding }) => !holding.delayed);
      if (at < 0 || next !== piece || !this.#leased(piece.holding)) continue;
      piece.load = null;
      if (typeof loaded === "string") {
        this.#todo.splice(at, 1);
        this.#unreadable(piece, loaded);
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

  #send(piece: Piece, actor: number, loaded: NonNullable<Sent["loaded"]>): void {
    const { holding, from, to, alone } = piece;
    const seq = this.#seq++;
    holding.actor = actor;
    this.#hands.add(seq, { piece, actor, at: performance.now(), bytes: loaded.bytes, loaded });
    this.crew.send(
      actor,
      seq,
      {
        slab: loaded.slab,
        at: loaded.at + 8 * (from - loaded.from),
        count: to - from,
        wire: holding.list.wire,
        chunk: holding.ref.chunk,
        from,
        to,
        redelivered: holding.again,
      },
      alone,
    );
  }

  /** Which actor can take this piece now: the one that has its chunk, else the one with the least in hand. */
  #actorFor(piece: Piece): number | null {
    let best: number | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const actor of this.crew.open()) {
      if (piece.holding.actor !== null && piece.holding.actor !== actor) continue;
      const credit = this.crew.credit(actor)!;
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
    setTimeout(() => {
      holding.delayed = false;
      this.#feed();
    }, READ_RETRY_MS).unref();
  }

  /** Reads of the next pieces overlap with the work on this one. */
  #loadAhead(): void {
    let ahead = 0;
    for (const piece of this.#todo) {
      if (piece.holding.delayed) continue;
      if (ahead++ >= 4) return;
      if (piece.load) continue;
      piece.load = this.#reader.load(piece.holding.list, piece.holding.ref, piece.from);
      // It is awaited later, or given up.
      piece.load.catch(() => {});
    }
  }

  #unreadable(piece: Piece, why: "missing" | "too large"): void {
    const { holding } = piece;
    if (why === "too large") {
      this.#logger.error(`a record of ${holding.list.name} is larger than Sluice takes: it becomes a dead letter`);
      holding.letters.push({ index: piece.from, reason: "larger than the largest record that is read" });
      if (piece.from + 1 < piece.to) this.#todo.unshift(pieceOf(holding, piece.from + 1, piece.to));
      this.#done(holding, 1);
      return;
    }
    this.#logger.error(
      `chunk ${holding.ref.chunk} of ${holding.list.name} is not in the log. Either its claim failed half-way, then its ` +
        "records are still in the list; or it was evicted or deleted, then they are lost: set maxmemory-policy noeviction",
    );
    holding.missing = true;
    this.#done(holding, piece.to - piece.from);
  }

  // What comes back.

  #message(message: Extract<FromThread, { t: "release" | "settled" | "returned" }>): void {
    if (message.t === "release") {
      for (const seq of message.seqs) this.#unpin(seq);
    } else if (message.t === "settled") {
      this.#settled(message);
    } else {
      this.#returned(message.seqs, message.narrow);
    }
    this.#feed();
    this.#hooks.hungry();
  }

  #settled({ seqs, rejected, counts }: Extract<FromThread, { t: "settled" }>): void {
    for (const { seq, index, reason } of rejected) {
      this.#hands.get(seq)?.piece.holding.letters.push({ index, reason });
    }
    this.#totals.written += counts.written;
    this.#totals.filtered += counts.filtered;
    this.#totals.skipped += counts.skipped;
    this.#totals.retries += counts.retries;
    const now = performance.now();
    for (const seq of seqs) {
      this.#unpin(seq);
      const sent = this.#hands.remove(seq);
      if (!sent) continue;
      this.#totals.deliveredBytes += sent.bytes;
      this.#latency.observe(now - sent.at);
      this.#done(sent.piece.holding, sent.piece.to - sent.piece.from);
    }
    if (this.#suspects.length > 0 && counts.written + counts.skipped > 0) this.#convict();
  }

  /** Dropped unwritten: to be given again, and narrower where the data may be at fault. */
  #returned(seqs: readonly number[], narrow: boolean): void {
    const pieces: Piece[] = [];
    for (const seq of seqs) {
      this.#unpin(seq);
      const sent = this.#hands.remove(seq);
      if (sent) pieces.push(...again(sent.piece, narrow));
    }
    this.#requeue(pieces);
  }

  #exit(actor: number, exit: Exit): void {
    const pieces: Piece[] = [];
    const suspicious = exit.kind === "crash" || exit.kind === "memory" || exit.kind === "silent";
    let unreleased = false;
    for (const [seq, sent] of [...this.#hands.all()]) {
      if (sent.actor !== actor) continue;
      const suspect = suspicious && sent.loaded !== null;
      unreleased ||= sent.loaded !== null;
      this.#unpin(seq);
      this.#hands.remove(seq);
      if (suspect) pieces.push(...this.#suspect(sent.piece, exit.reason));
      else pieces.push(...again(sent.piece, false));
    }
    if (suspicious && !unreleased && this.crew.kind === "gatherer") this.crew.narrowGathers();
    for (const holding of this.#holdings.values()) if (holding.actor === actor) holding.actor = null;
    this.#requeue(pieces);
    // Another actor may have nothing to do.
    this.#feed();
  }

  /** In an actor's hands when it crashed: at the third time alone, then record by record. */
  #suspect(piece: Piece, reason: string): Piece[] {
    const { holding, from, to, alone } = piece;
    const { chunk } = holding.ref;
    const crashes = piece.crashes + 1;
    this.#crashes.set(chunk, Math.max(crashes, this.#crashes.get(chunk) ?? 0));
    if (this.#crashes.size > MOST_CRASHED) this.#crashes.delete(this.#crashes.keys().next().value!);
    if (crashes <= CRASHES_UNTIL_ALONE || to - from > 1) return suspected(holding, from, to, crashes, alone);
    // Found: so many of these in a row have a limit of their own.
    this.crew.forgive();
    this.#suspects.push({ piece, reason: `the sink's actor ended with this record alone in its hands: ${reason}` });
    if (this.#suspects.length >= SUSPECTS_IN_A_ROW) {
      this.crew.suspend(`${SUSPECTS_IN_A_ROW} records in a row ended its actor, none passed between`);
    }
    return [];
  }

  /** Something passed: the sink works, so the suspects were at fault. */
  #convict(): void {
    this.crew.forgive();
    for (const { piece, reason } of this.#suspects.splice(0)) {
      piece.holding.letters.push({ index: piece.from, reason });
      this.#done(piece.holding, 1);
    }
  }

  /** What somebody else has now, or what was handed back, is not given again. */
  #requeue(pieces: readonly Piece[]): void {
    const ours = pieces.filter(({ holding }) => this.#holdings.get(holding.ref.chunk) === holding);
    for (const { holding, from, to } of ours) {
      holding.again = true;
      this.#totals.redelivered += to - from;
    }
    this.#todo = inOrder([...ours.filter(({ holding }) => !holding.lost), ...this.#todo]);
    for (const { holding } of ours) if (holding.lost) this.#forgetLost(holding);
  }

  #unpin(seq: number): void {
    const loaded = this.#hands.release(seq);
    if (loaded) this.#reader.unpin(loaded);
  }

  /** So many records more of the chunk have an outcome. */
  #done(holding: Holding, records: number): void {
    holding.open -= records;
    if (this.#holdings.get(holding.ref.chunk) !== holding) return;
    if (holding.open === 0) this.#finish(holding);
    else if (holding.lost) this.#forgetLost(holding);
  }

  #finish(holding: Holding): void {
    this.#totals.deadLettered += holding.letters.length;
    this.#acknowledger.finished(holding);
  }

  #acknowledged(holdings: readonly Holding[]): void {
    for (const holding of holdings) {
      this.#holdings.delete(holding.ref.chunk);
      this.#crashes.delete(holding.ref.chunk);
      if (!holding.missing) this.#totals.delivered += holding.ref.records;
    }
    this.#hooks.hungry();
  }

  #lose(holding: Holding): void {
    holding.lost = true;
    this.#dropTodo((piece) => piece.holding === holding);
    this.#suspects = this.#suspects.filter(({ piece }) => piece.holding !== holding);
    const revoked = new Map<number, number[]>();
    for (const [seq, { piece, actor }] of this.#hands.all()) {
      if (piece.holding !== holding) continue;
      const seqs = revoked.get(actor);
      if (seqs) seqs.push(seq);
      else revoked.set(actor, [seq]);
    }
    for (const [actor, seqs] of revoked) this.crew.revoke(actor, seqs);
    this.#forgetLost(holding);
  }

  /** Once nothing of it is with an actor. */
  #forgetLost(holding: Holding): void {
    for (const [, { piece }] of this.#hands.all()) if (piece.holding === holding) return;
    this.#holdings.delete(holding.ref.chunk);
  }

  #dropTodo(which: (piece: Piece) => boolean): void {
    this.#todo = this.#todo.filter((piece) => {
      if (!which(piece)) return true;
      // A read that is under way still pins what it brings.
      piece.load?.then(
        (loaded) => typeof loaded !== "string" && this.#reader.unpin(loaded),
        () => {},
      );
      return false;
    });
  }
}

/** A piece as it goes out the next time. */
function again({ holding, from, to, alone, crashes }: Piece, narrow: boolean): Piece[] {
  if (!narrow || !alone || to - from === 1) return [pieceOf(holding, from, to, alone || narrow, crashes)];
  const middle = from + ((to - from) >> 1);
  return [pieceOf(holding, from, middle, true, crashes), pieceOf(holding, middle, to, true, crashes)];
}

/** Records [from, to) after so many crashes: alone from the third on, then record by record. */
function suspected(holding: Holding, from: number, to: number, crashes: number, alone = false): Piece[] {
  if (crashes <= CRASHES_UNTIL_ALONE) {
    return [pieceOf(holding, from, to, alone || crashes === CRASHES_UNTIL_ALONE, crashes)];
  }
  return Array.from({ length: to - from }, (_, i) => pieceOf(holding, from + i, from + i + 1, true, crashes));
}

/** A chunk's pieces go out in order, whatever the order in which they came back; the chunks stay in theirs. */
function inOrder(pieces: readonly Piece[]): Piece[] {
  const byHolding = Map.groupBy(pieces, ({ holding }) => holding);
  return [...byHolding.values()].flatMap((some) => some.sort((a, b) => a.from - b.from));
}

/** Waits for `work`, but no longer than `ms`. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

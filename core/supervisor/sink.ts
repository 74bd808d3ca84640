import type { FromThread, Rejected } from "@sluice/sdk/runtime";
import type { Exit } from "../actor/actor.ts";
import type { SinkConfig } from "../config/config.ts";
import type { ChunkRef, ListLog } from "../log/log.ts";
import type { Logger } from "../logging/index.ts";
import { Acknowledger } from "./acknowledger.ts";
import type { ChunkReader } from "./chunk-reader.ts";
import { Crew, type CrewEvents, type Spawn } from "./crew.ts";
import { type Delivery, deliveries } from "./deliveries.ts";
import { Feeder } from "./feeder.ts";
import { Hands } from "./hands.ts";
import { type Holding, type Piece, pieceOf, reject, type Sent } from "./holding.ts";
import { Latency } from "./latency.ts";
import type { SinkBacklog, SinkStatus } from "./status.ts";
import { CRASHES_UNTIL_ALONE, SUSPECTS_IN_A_ROW, type Suspect, Suspects } from "./suspects.ts";

/** For the log's answer at the end, even when the calls used up the time, ms. */
const LEAST_PATIENCE_MS = 500;
/** A sink that gives nothing back for so long is slow: pages are not kept for it, it reads them itself when it gets there. */
const STILL_MS = 250;
/** Chunks that it is worth asking for while there is still work. */
const TAKEN_AT_ONCE = 4;

export interface SinkHooks {
  /** There is credit again: take more. */
  hungry(): void;
  /** The lease of this list's chunks is in doubt: renew it now. */
  renew(list: ListLog): void;
  /** What this sink gave back was delivered after all, by a call that was under way. */
  late?(list: ListLog, chunk: string): void;
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
  readonly #acknowledger: Acknowledger;
  readonly #holdings = new Map<string, Holding>();
  readonly #hands = new Hands();
  readonly #suspects = new Suspects();
  readonly #feeder: Feeder;
  #reserved = 0;
  /** When an actor last gave something back, or began with empty hands. */
  #movedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;
  #stopping: Promise<number> | null = null;
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
    const events: CrewEvents = {
      opened: () => {
        this.#feeder.feed();
        hooks.hungry();
      },
      message: (_actor, message) => this.#message(message),
      rejecting: (actor, rejected, stored) => void this.#rejecting(actor, rejected, stored),
      exit: (actor, exit) => this.#exit(actor, exit),
      suspended: () => void this.release(),
    };
    this.crew = new Crew(config, logger, events, spawn);
    this.#feeder = new Feeder(
      { crew: this.crew, hands: this.#hands, reader, leaseMs: options.leaseMs, logger },
      {
        renew: ({ list }) => hooks.renew(list),
        unreadable: (piece, why) => this.#unreadable(piece, why),
      },
    );
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

  /** Records acknowledged. */
  get delivered(): number {
    return this.#totals.delivered;
  }

  /** Whether some actor of it works, with room for more right now or not. */
  get takes(): boolean {
    return !this.#stopped && this.crew.open().length > 0;
  }

  /** Whether it will soon want what others read now: it has nothing in hand, or something came back a moment ago. */
  get follows(): boolean {
    return this.takes && (this.#hands.total().pieces === 0 || performance.now() - this.#movedAt < STILL_MS);
  }

  /** How many more chunks it can take now. */
  credit(): number {
    if (this.#stopped) return 0;
    let pieces = 0;
    let chunks = 0;
    let bytes = 0;
    for (const actor of this.crew.open()) {
      const credit = this.crew.credit(actor)!;
      pieces += credit.pieces + credit.ahead;
      chunks += credit.chunks;
      bytes += credit.bytes;
    }
    const inHand = this.#hands.total();
    if (inHand.bytes >= bytes) return 0;
    // What waits for a server that is away must not keep the sink from what others have.
    const stuck = this.#feeder.stuck;
    const waiting = this.#feeder.waiting - stuck.pieces;
    const held = this.#holdings.size - stuck.chunks - this.#acknowledger.stuck;
    const work = inHand.pieces + waiting;
    const free = Math.min(pieces - work, chunks - held) - this.#reserved;
    // Several at once cost the log as much as one.
    return free >= TAKEN_AT_ONCE || (free > 0 && work === 0) ? free : 0;
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
    if (this.#hands.total().pieces === 0) this.#movedAt = performance.now();
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
        delays: 0,
        lost: false,
        missing: false,
        letters: new Map(),
      };
      this.#holdings.set(ref.chunk, holding);
      if (ref.records === 0) this.#finish(holding);
      else this.#feeder.append(this.#suspects.split(holding));
    }
    if (refs.length > 0) this.#feeder.feed();
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
      holding.delays = 0;
    }
    const taken = lost.flatMap((ref) => this.#holdings.get(ref.chunk) ?? []).filter(({ open }) => open > 0);
    for (const holding of taken) this.#lose(holding);
    this.#feeder.feed();
    if (taken.length > 0) this.#hooks.hungry();
    return taken.length;
  }

  /** Hands everything back that is not finished; others, or this sink later, take it again. */
  async release(): Promise<void> {
    this.#feeder.drop(() => true);
    this.#acquit();
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
    await this.#acknowledger.stores();
  }

  /**
   * Hands back what it holds of this list and is not finished, also what its actors have: what they do not write yet, they
   * will not; a call that is under way may end well, then it is delivered twice.
   */
  async yield(list: ListLog): Promise<void> {
    const finished = new Set(this.#acknowledger.pending);
    const given = [...this.#holdings.values()].filter((it) => it.list === list && !it.lost && !finished.has(it));
    for (const holding of given) this.#lose(holding);
    await this.#handBack(
      list,
      given.map(({ ref }) => ref),
    );
  }

  async #handBack(list: ListLog, refs: readonly ChunkRef[]): Promise<void> {
    if (refs.length === 0) return;
    try {
      await list.release(this.name, refs);
    } catch (error) {
      this.#logger.warn(`handing back ${refs.length} chunks failed, they come again when their lease ends`, { error });
    }
  }

  /** No further piece goes out; calls in flight may finish until the deadlines, those of the first call. Records handed back. */
  stop(drainUntil: number, closeUntil: number): Promise<number> {
    this.#stopping ??= this.#stop(drainUntil, closeUntil);
    return this.#stopping;
  }

  async #stop(drainUntil: number, closeUntil: number): Promise<number> {
    this.#stopped = true;
    this.#feeder.stop();
    await this.crew.stop("stop", drainUntil, closeUntil);
    this.#acknowledger.end();
    // A log that does not answer must not hold up the stop: what it does not hear comes again when the lease ends.
    await within(Math.max(LEAST_PATIENCE_MS, (closeUntil - performance.now()) / 2), this.#acknowledger.flush());
    const records = this.#open();
    await within(Math.max(LEAST_PATIENCE_MS, closeUntil - performance.now()), this.release());
    return records;
  }

  status(lag: SinkStatus["lag"], backlog: SinkBacklog): SinkStatus {
    const { state, reason, nextTryAt, restarts } = this.crew;
    return {
      name: this.name,
      type: this.config.type,
      state,
      reason,
      nextTryAt,
      ready: this.crew.ready,
      ...this.#totals,
      restarts,
      lag,
      backlog,
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

  #unreadable(piece: Piece, why: "missing" | "too large"): void {
    const { holding } = piece;
    if (why === "too large") {
      this.#logger.error(`a record of ${holding.list.name} is larger than Sluice takes: it becomes a dead letter`);
      reject(holding, piece.from, "larger than the largest record that is read");
      if (piece.from + 1 < piece.to) this.#feeder.putBack([pieceOf(holding, piece.from + 1, piece.to)]);
      this.#done(holding, 1);
      return;
    }
    if (holding.lost) {
      // Somebody else was done with it before it was read here.
      this.#forgetLost(holding);
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
    this.#movedAt = performance.now();
    if (message.t === "release") {
      for (const seq of message.seqs) {
        this.#unpin(seq);
        this.#withhold(seq);
      }
    } else if (message.t === "settled") {
      this.#settled(message);
    } else {
      this.#returned(message);
    }
    this.#feeder.feed();
    this.#hooks.hungry();
  }

  /** A gatherer may have found the record at fault, and wait for something to pass before it says so. */
  #withhold(seq: number): void {
    const piece = this.#hands.get(seq)?.piece;
    const single = piece?.alone && piece.to - piece.from === 1 && piece.crashes < CRASHES_UNTIL_ALONE;
    if (single && this.crew.kind === "gatherer") this.#feeder.putLast(piece.holding);
  }

  /** Once their gather is flushed, a watermark may have passed these records: nobody would find them at fault once more. */
  async #rejecting(actor: number, rejected: readonly Rejected[], stored: () => void): Promise<void> {
    const storing = [...this.#reject(rejected)].map((holding) =>
      this.#acknowledger.stored(holding, () => this.#holds(holding)),
    );
    if ((await Promise.all(storing)).every(Boolean)) stored();
    else this.crew.revoke(actor, [...new Set(rejected.map(({ seq }) => seq))]);
  }

  /** Whose records these are. */
  #reject(rejected: readonly Rejected[]): Set<Holding> {
    const holdings = new Set<Holding>();
    for (const { seq, index, reason } of rejected) {
      const holding = this.#hands.get(seq)?.piece.holding;
      if (!holding) continue;
      reject(holding, index - (holding.ref.first ?? 0), this.#logger.mask(reason));
      holdings.add(holding);
    }
    return holdings;
  }

  #settled({ seqs, rejected, counts }: Extract<FromThread, { t: "settled" }>): void {
    this.#reject(rejected);
    this.#totals.written += counts.written;
    this.#totals.filtered += counts.filtered;
    this.#totals.skipped += counts.skipped;
    this.#totals.retries += counts.retries;
    const now = performance.now();
    for (const seq of seqs) {
      const sent = this.#take(seq);
      if (!sent) continue;
      // A gather of which all was rejected was flushed as well.
      if (sent.released) this.#suspects.cloud(sent.piece.holding);
      this.#totals.deliveredBytes += sent.bytes;
      this.#latency.observe(now - sent.at);
      if (deliveries.hasSubscribers) this.#tell(sent, now, rejected.filter((one) => one.seq === seq).length);
      this.#done(sent.piece.holding, sent.piece.to - sent.piece.from);
    }
    if (this.#suspects.inARow > 0 && counts.written + counts.skipped > 0) this.#convict();
  }

  #tell({ piece, bytes, at }: Sent, settledAt: number, rejected: number): void {
    const { holding, from, to } = piece;
    const { list, ref } = holding;
    const place = { sink: this.name, list: list.name, chunk: ref.chunk, from, to };
    deliveries.publish({ ...place, bytes, rejected, sentAt: at, settledAt } satisfies Delivery);
  }

  /** Dropped unwritten: to be given again, and narrower where the data may be at fault. */
  #returned({ seqs, narrow, doubted }: Extract<FromThread, { t: "returned" }>): void {
    const pieces: Piece[] = [];
    for (const seq of seqs) {
      const sent = this.#take(seq);
      if (!sent) continue;
      const { holding, from, to } = sent.piece;
      if (sent.released && !doubted) this.#suspects.cloud(holding);
      if (doubted && this.#holds(holding)) this.#acknowledger.withdraw(holding, from, to);
      pieces.push(...again(sent.piece, narrow));
    }
    this.#requeue(pieces);
  }

  #exit(actor: number, exit: Exit): void {
    const pieces: Piece[] = [];
    const suspicious = exit.kind === "crash" || exit.kind === "memory" || exit.kind === "silent";
    let [released, unreleased] = [false, false];
    for (const [seq, { actor: its }] of [...this.#hands.all()]) {
      if (its !== actor) continue;
      const sent = this.#take(seq)!;
      const { holding } = sent.piece;
      if (sent.released) this.#suspects.cloud(holding);
      released ||= sent.released;
      unreleased ||= !sent.released;
      // Whoever has a chunk now that is ours no more finds its record himself.
      if (suspicious && !sent.released && this.#holds(holding)) pieces.push(...this.#blame(sent.piece, exit.reason));
      else pieces.push(...again(sent.piece, false));
    }
    // In a flush: what one holds may be too much.
    if (suspicious && released && !unreleased && this.crew.kind === "gatherer") this.crew.narrowGathers();
    for (const holding of this.#holdings.values()) if (holding.actor === actor) holding.actor = null;
    this.#requeue(pieces);
    // Another actor may have nothing to do.
    this.#feeder.feed();
  }

  #blame(piece: Piece, reason: string): Piece[] {
    const blamed = this.#suspects.blame(piece, this.#logger.mask(reason));
    if (Array.isArray(blamed)) return blamed;
    // Found: so many of these in a row have a limit of their own.
    this.crew.forgive();
    if (this.crew.kind === "gatherer") void this.#accuse(blamed);
    if (this.#suspects.inARow >= SUSPECTS_IN_A_ROW) {
      this.crew.suspend(`${SUSPECTS_IN_A_ROW} records in a row ended its actor, none passed between`);
    }
    return [];
  }

  /** If what lies behind it is the first to pass, a watermark has passed it as well: nobody would find it at fault once more. */
  async #accuse({ piece, reason }: Suspect): Promise<void> {
    const { holding, from, to } = piece;
    if (to === holding.ref.records) return;
    reject(holding, from, reason);
    await this.#feeder.withhold(
      holding,
      this.#acknowledger.stored(holding, () => this.#holds(holding)),
    );
  }

  /** Something passed: the sink works, so the suspects were at fault. */
  #convict(): void {
    this.crew.forgive();
    for (const { piece, reason } of this.#suspects.convict()) {
      reject(piece.holding, piece.from, reason);
      this.#done(piece.holding, 1);
    }
  }

  /** Without a verdict they come again. Where a watermark may have passed one, its letter stays. */
  #acquit(): void {
    // What became of these is not known yet.
    for (const [, { piece }] of this.#hands.all()) this.#suspects.cloud(piece.holding);
    for (const { piece, unclear } of this.#suspects.acquit()) {
      if (!unclear) this.#acknowledger.withdraw(piece.holding, piece.from, piece.to);
    }
  }

  /** What somebody else has now, or what was handed back, is not given again. */
  #requeue(pieces: readonly Piece[]): void {
    const ours = pieces.filter(({ holding }) => this.#holdings.get(holding.ref.chunk) === holding);
    for (const { holding, from, to } of ours) {
      holding.again = true;
      this.#totals.redelivered += to - from;
    }
    this.#feeder.putBack(ours.filter(({ holding }) => !holding.lost));
    for (const { holding } of ours) if (holding.lost) this.#forgetLost(holding);
  }

  /** It has ended with its actor; `released`: its actor may have done something with it. */
  #take(seq: number): (Sent & { released: boolean }) | undefined {
    const released = this.#hands.get(seq)?.loaded === null;
    this.#unpin(seq);
    const sent = this.#hands.remove(seq);
    return sent && { ...sent, released };
  }

  #unpin(seq: number): void {
    const loaded = this.#hands.release(seq);
    if (loaded) this.#reader.unpin(loaded);
  }

  /** So many records more of the chunk have an outcome. */
  #done(holding: Holding, records: number): void {
    holding.open -= records;
    const ours = this.#holdings.get(holding.ref.chunk) === holding;
    if (ours && holding.open === 0) {
      this.#finish(holding);
      return;
    }
    // If the chunk comes again, a watermark may have passed them: nobody would find them at fault once more.
    if (this.crew.kind === "gatherer") void this.#acknowledger.storeEarly(holding);
    if (ours && holding.lost) this.#forgetLost(holding);
  }

  #finish(holding: Holding): void {
    this.#totals.deadLettered += holding.letters.size;
    this.#acknowledger.finished(holding);
  }

  #acknowledged(holdings: readonly Holding[]): void {
    for (const holding of holdings) {
      this.#holdings.delete(holding.ref.chunk);
      this.#suspects.forget(holding.ref.chunk);
      if (holding.missing) continue;
      this.#totals.delivered += holding.ref.records;
      if (holding.lost) this.#hooks.late?.(holding.list, holding.ref.chunk);
    }
    this.#hooks.hungry();
  }

  #holds(holding: Holding): boolean {
    return this.#holdings.get(holding.ref.chunk) === holding && !holding.lost;
  }

  #lose(holding: Holding): void {
    holding.lost = true;
    this.#feeder.drop((piece) => piece.holding === holding);
    this.#suspects.drop(holding);
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
}

/** A piece as it goes out the next time. */
function again({ holding, from, to, alone, crashes }: Piece, narrow: boolean): Piece[] {
  if (!narrow || !alone || to - from === 1) return [pieceOf(holding, from, to, alone || narrow, crashes)];
  const middle = from + ((to - from) >> 1);
  return [pieceOf(holding, from, middle, true, crashes), pieceOf(holding, middle, to, true, crashes)];
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

import type { BacklogConfig } from "../config/config.ts";
import { isLogError, LOG_ERROR_CODES } from "../log/errors.ts";
import type { ChunkRef, DeliveryLog, ListLog } from "../log/log.ts";
import type { Spool } from "../log/spool.ts";
import type { Spooled, SpooledChunk } from "../log/spool-store.ts";
import type { Logger } from "../logging/index.ts";
import { type Fullness, fullness } from "./backlog-limit.ts";
import type { ListDrain } from "./list-drain.ts";
import type { Sink } from "./sink.ts";
import type { BacklogState, SinkBacklog, SinkStatus } from "./status.ts";
import { readWhole } from "./whole-chunk.ts";

const LOOK_MS = 1000;
/** Chunks moved to disk in one sync: the drain stands still meanwhile. */
const SPOOL_CHUNKS = 4;
const DROP_CHUNKS = 64;
/** A sink that settles something within this time works... */
const WORKS_MS = 2000;
/** ...and keeps up if its oldest chunk is younger than this: it makes the room as fast as a disk would. */
const KEEPS_UP_MS = 10_000;
/** A spool that could not be written is tried again after this. */
const SPOOL_RETRY_MS = 5000;
/** Ages of chunks come from one clock, but are not read at one instant. */
const SAME_AGE_MS = 1000;
const NOTHING: Spooled = { chunks: 0, records: 0, bytes: 0 };

/** What is known of one sink. */
interface Account {
  state: BacklogState;
  reason: string | null;
  spooled: number;
  dropped: number;
  /** The letter that tells of what was dropped, and of what it tells. */
  summaries: Map<ListLog, { id: string; records: number; chunks: number; first: string }>;
  /** Delivered when it was looked at last, and when that had changed, ms of the monotonic clock. */
  delivered: number;
  movedAt: number;
}

function newAccount(): Account {
  const movedAt = performance.now();
  return { state: "ok", reason: null, spooled: 0, dropped: 0, summaries: new Map(), delivered: 0, movedAt };
}

/** What of a sink matters here. */
export type TierSink = Pick<Sink, "name" | "delivered" | "yield">;

export interface TierDrain extends Pick<ListDrain, "list" | "measure" | "sweep"> {
  readonly sinks: readonly TierSink[];
  lag(sink: TierSink): SinkStatus["lag"];
  exclude(sink: TierSink): void;
  include(sink: TierSink): void;
}

interface Debtor {
  sink: TierSink;
  drain: TierDrain;
  oldestMs: number;
}

export interface TiersParts {
  log: Pick<DeliveryLog, "usage" | "memory">;
  config: BacklogConfig;
  /** Of the log's lists. */
  drains: readonly TierDrain[];
  sinks: readonly TierSink[];
  spool: Pick<Spool, "open" | "store"> | null;
  /** Sinks that this list is kept for and this instance does not configure. */
  foreign(list: string): readonly string[];
  logger: Logger;
}

/**
 * Keeps the backlog within its limit. The price is charged to the sink with the oldest chunk that it is not done with, never
 * to another: its chunks go to this instance's disk, or are dropped and counted. What is on disk is acknowledged in the log,
 * never the other way round. Claiming never stops: it moves no byte, and the other sinks live on it.
 */
export class Tiers {
  readonly #parts: TiersParts;
  readonly #accounts = new Map<TierSink, Account>();
  /** Mean. */
  #recordBytes = 1000;
  #fullness: Fullness = { limit: 0, full: false, excess: 0 };
  /** Why nothing can be charged at the moment. */
  #holding: string | null = null;
  #fullSince: number | null = null;
  /** The spool cannot be written now. */
  #spoolFailure: { at: number; reason: string } | null = null;
  #saidOfSpool: string | null = null;
  #counts = new Map<string, Spooled>();
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #stopped = false;

  constructor(parts: TiersParts) {
    this.#parts = parts;
    for (const sink of parts.sinks) this.join(sink);
  }

  join(sink: TierSink): void {
    this.#accounts.set(sink, newAccount());
  }

  leave(sink: TierSink): void {
    this.#accounts.delete(sink);
  }

  start(): void {
    this.#openSpool();
    // What a former life has spooled is delivered whether or not there is room again.
    void this.look();
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Looks at the backlog, and makes room where it has reached its limit. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => this.#parts.logger.warn("the backlog could not be looked at", { error }))
      .finally(() => {
        this.#looking = null;
        if (!this.#stopped) this.#timer = setTimeout(() => void this.look(), LOOK_MS);
      });
    return this.#looking;
  }

  get limit(): number {
    return this.#fullness.limit;
  }

  /** Why the backlog is above its limit; null: it is not, or something is done about it. */
  get holding(): string | null {
    return this.#holding;
  }

  of(sink: TierSink): SinkBacklog {
    const { state, reason, spooled, dropped } = this.#account(sink);
    return { state, reason, waiting: this.#counts.get(sink.name) ?? NOTHING, spooled, dropped };
  }

  async #look(): Promise<void> {
    const { drains } = this.#parts;
    this.#count();
    this.#observe();
    await this.#measure();
    if (!this.#fullness.full) {
      this.#relax();
      return;
    }
    await Promise.all(drains.map((drain) => drain.measure()));
    let why: string | null;
    try {
      why = await this.#clear();
    } finally {
      for (const [sink, { state }] of this.#accounts) if (state !== "spooling") this.#feed(sink);
    }
    this.#count();
    if (this.#fullness.full) this.#full(why);
    else this.#hold(null);
  }

  /** Charges one after the other until there is room. Why that is not done; null: all have paid. */
  async #clear(): Promise<string | null> {
    // Of each no more than that at once: what two need is freed when both have paid.
    const price = this.#fullness.excess;
    const paid = new Map<string, number>();
    while (this.#fullness.excess > 0 && !this.#stopped) {
      this.#observe();
      const debtor = this.#furthestBehind((key) => (paid.get(key) ?? 0) >= price);
      if (debtor === null) break;
      const { sink, drain } = debtor;
      const other = await this.#olderElsewhere(debtor);
      if (other !== null) return `sink ${other}, which is not configured here, is furthest behind`;
      const policy = this.#policy();
      if (policy === "hold") {
        this.#set(sink, "holding", "all is kept for it, and Redis fills");
        return `sink ${sink.name} is furthest behind${this.#spoolFailure ? `, and ${this.#spoolFailure.reason}` : ""}`;
      }
      const key = keyOf(sink, drain);
      const left = price - (paid.get(key) ?? 0);
      const records = await this.#charge(debtor, left / this.#recordBytes);
      if (records > 0) {
        paid.set(key, price - left + records * this.#recordBytes);
        await drain.sweep();
        await Promise.all([drain.measure(), this.#measure()]);
      } else if (policy === this.#policy()) {
        paid.set(key, price);
      }
    }
    return null;
  }

  /** Still, and why nothing was charged; null: there was nothing to charge, which may be so for a while. */
  #full(why: string | null): void {
    const now = performance.now();
    this.#fullSince ??= now;
    if (why === null && now - this.#fullSince < KEEPS_UP_MS) return;
    this.#hold(why ?? "every sink keeps up, or has nothing left to pay with");
  }

  async #measure(): Promise<void> {
    const { log, config } = this.#parts;
    const [{ bytes, records }, memory] = await Promise.all([log.usage(), log.memory()]);
    if (records > 0) this.#recordBytes = Math.max(1, bytes / records);
    this.#fullness = fullness(config.maxBytes, memory, bytes);
  }

  /** One that has left meanwhile has nothing that is kept. */
  #account(sink: TierSink): Account {
    return this.#accounts.get(sink) ?? newAccount();
  }

  #observe(): void {
    const now = performance.now();
    for (const [sink, account] of this.#accounts) {
      if (sink.delivered === account.delivered) continue;
      account.delivered = sink.delivered;
      account.movedAt = now;
    }
  }

  #idleMs(sink: TierSink): number {
    return performance.now() - this.#account(sink).movedAt;
  }

  #policy(): BacklogConfig["policy"] {
    const { policy, spool } = this.#parts.config;
    return policy === "spool" && this.#spoolFailure !== null ? (spool?.full ?? "hold") : policy;
  }

  /** Of those that do not keep up. */
  #furthestBehind(hasPaid: (key: string) => boolean): Debtor | null {
    let furthest: Debtor | null = null;
    for (const drain of this.#parts.drains) {
      for (const sink of drain.sinks) {
        const { chunks, oldestMs } = drain.lag(sink);
        if (chunks === 0 || hasPaid(keyOf(sink, drain))) continue;
        if (this.#idleMs(sink) < WORKS_MS && oldestMs < KEEPS_UP_MS) continue;
        if (furthest === null || oldestMs > furthest.oldestMs) furthest = { sink, drain, oldestMs };
      }
    }
    return furthest;
  }

  /** A sink of other instances, or of none, that is further behind in this list: no chunk of ours would make room. */
  async #olderElsewhere({ drain, oldestMs }: Debtor): Promise<string | null> {
    for (const name of this.#parts.foreign(drain.list.name)) {
      if ((await drain.list.lag(name)).oldestMs > oldestMs + SAME_AGE_MS) return name;
    }
    return null;
  }

  /** About so many records of its oldest; how many. 0: there was nothing to charge, or it could not be done. */
  async #charge({ sink, drain }: Debtor, records: number): Promise<number> {
    const { list } = drain;
    const spools = this.#policy() === "spool";
    const lag = drain.lag(sink);
    const wanted = Math.ceil(records / Math.max(1, lag.records / lag.chunks));
    // What it took meanwhile would keep what it pays with from being deleted.
    for (const each of this.#parts.drains) each.exclude(sink);
    // The oldest are those that it holds and gets nowhere with: nothing behind them in their block could be deleted.
    if (this.#idleMs(sink) >= WORKS_MS) await sink.yield(list);
    const refs = await this.#take(sink, list, Math.max(1, Math.min(wanted, spools ? SPOOL_CHUNKS : DROP_CHUNKS)));
    if (refs.length === 0) return 0;
    try {
      if (!spools) await this.#drop(sink, list, refs);
      else if (!(await this.#spool(sink, list, refs))) return 0;
      return recordsOf(refs);
    } catch (error) {
      await list.release(sink.name, refs);
      throw error;
    }
  }

  /** Its oldest chunks that nobody has in hand. */
  async #take(sink: TierSink, list: ListLog, chunks: number): Promise<ChunkRef[]> {
    const free = await list.takeover(sink.name, chunks);
    if (free.length >= chunks) return free;
    const [unread] = await list.take([{ sink: sink.name, chunks: chunks - free.length }]);
    return [...free, ...unread!];
  }

  async #spool(sink: TierSink, list: ListLog, refs: readonly ChunkRef[]): Promise<boolean> {
    const read = await Promise.all(refs.map((ref) => readWhole(list, ref)));
    const chunks = read.filter((chunk): chunk is SpooledChunk => chunk !== null);
    if (chunks.length < refs.length) {
      this.#parts.logger.error(`${refs.length - chunks.length} chunks of ${list.name} are not in the log any more`);
    }
    try {
      this.#parts.spool!.store.add(list.name, sink.name, chunks);
    } catch (error) {
      if (!FAULTS_OF_A_DISK.some((code) => isLogError(error, code))) throw error;
      this.#failed(error as Error);
      await list.release(sink.name, refs);
      return false;
    }
    this.#saidOfSpool = null;
    await list.ack(sink.name, refs);
    this.#account(sink).spooled += recordsOf(refs);
    this.#count();
    this.#set(sink, "spooling", "it is furthest behind: its records go to this instance's disk");
    return true;
  }

  async #drop(sink: TierSink, list: ListLog, refs: readonly ChunkRef[]): Promise<void> {
    const account = this.#account(sink);
    const last = refs.at(-1)!.chunk;
    const before = account.summaries.get(list);
    const records = recordsOf(refs) + (before?.records ?? 0);
    const chunks = refs.length + (before?.chunks ?? 0);
    const first = before?.first ?? refs[0]!.chunk;
    const reason = `${records} records in ${chunks} chunks were dropped, from ${first} to ${last}: the backlog was at its limit`;
    const [id] = await list.addLetters(sink.name, [{ chunk: last, index: -1, reason, raw: new Uint8Array() }]);
    account.summaries.set(list, { id: id!, records, chunks, first });
    await list.ack(sink.name, refs);
    account.dropped += recordsOf(refs);
    this.#set(sink, "dropping", "it is furthest behind: its oldest records are dropped");
    this.#parts.logger.error(`records of sink ${sink.name} were dropped: the backlog is at its limit`, {
      list: list.name,
      records: recordsOf(refs),
    });
    // The new letter tells of all of them.
    if (before) await list.dropLetters([before.id]);
  }

  /** There is room. What was charged stays so until it works again, or has nothing left that it could work on. */
  #relax(): void {
    this.#hold(null);
    for (const [sink, { state }] of this.#accounts) {
      if (state === "ok") continue;
      const works = this.#idleMs(sink) < WORKS_MS;
      const idle = state === "spooling" && !this.#counts.has(sink.name);
      // With nothing on disk it goes on with Redis, or the room that is missing would never come.
      if (idle || (this.#fullness.excess <= 0 && (state === "holding" || works))) this.#set(sink, "ok", null);
    }
  }

  #set(sink: TierSink, state: BacklogState, reason: string | null): void {
    const account = this.#account(sink);
    if (account.state === state) return;
    account.state = state;
    account.reason = reason;
    const { logger } = this.#parts;
    // While it is spooling, only its spool feeds it: what it took of Redis would stay there.
    if (state !== "spooling") this.#feed(sink);
    if (state === "ok") logger.info(`the backlog of sink ${sink.name} is kept in Redis again`);
    else logger.warn(`the backlog in Redis is at its limit, and sink ${sink.name} is ${state}: ${reason}`);
  }

  #feed(sink: TierSink): void {
    for (const drain of this.#parts.drains) drain.include(sink);
  }

  #hold(reason: string | null): void {
    if (reason === null) this.#fullSince = null;
    if ((reason === null) !== (this.#holding === null)) {
      const { logger } = this.#parts;
      if (reason === null) logger.info("the backlog in Redis is within its limit again");
      else logger.warn(`the backlog in Redis is above its limit and all of it is kept: ${reason}`);
    }
    this.#holding = reason;
  }

  #openSpool(): void {
    try {
      this.#parts.spool?.open();
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  #failed(error: Error): void {
    if (this.#saidOfSpool !== error.message) this.#parts.logger.error(`the spool cannot be used: ${error.message}`);
    this.#saidOfSpool = error.message;
    this.#spoolFailure = { at: performance.now(), reason: error.message };
  }

  #count(): void {
    const { spool } = this.#parts;
    if (spool === null) return;
    if (this.#spoolFailure !== null && performance.now() - this.#spoolFailure.at > SPOOL_RETRY_MS) {
      this.#spoolFailure = null;
      this.#openSpool();
    }
    try {
      this.#counts = spool.store.counts();
    } catch (error) {
      this.#failed(error as Error);
    }
  }
}

const FAULTS_OF_A_DISK = [
  LOG_ERROR_CODES.full,
  LOG_ERROR_CODES.unavailable,
  LOG_ERROR_CODES.locked,
  LOG_ERROR_CODES.damaged,
];

function keyOf({ name }: TierSink, { list }: TierDrain): string {
  return `${name} ${list.name}`;
}

function recordsOf(refs: readonly ChunkRef[]): number {
  return refs.reduce((sum, { records }) => sum + records, 0);
}

import type { Kind, Wire } from "@sluice/sdk";
import type { Credential } from "./credentials.ts";

/**
 * The delivery log: what the gateway pushed, cut into immutable chunks, kept until every sink has acknowledged them.
 * Redis and SQLite are two engines behind this one interface; the same conformance tests run on both.
 *
 * (chunk, sink) goes `unread -> held -> done`, `held -> held` by takeover, `held -> released`. A chunk is deleted when
 * all sinks are done with it. Every step is idempotent and monotone: a late owner can only duplicate, never lose.
 */
export interface DeliveryLog {
  /** Independent logs, one a list of the gateway. */
  readonly lists: readonly HomeList[];
  /** Connects, probes what it needs and creates what is missing for these sinks. Throws LogError. */
  open(sinks: readonly SinkEntry[]): Promise<void>;
  /** Tells other instances that these sinks are configured here; each 10 s. */
  register(sinks: readonly SinkEntry[]): Promise<void>;
  /** All sinks that the log keeps records for, whether any instance configures them or not. */
  sinks(): Promise<KnownSink[]>;
  /** Ends this sink's claim on the backlog for good: what only it still needed is lost with the next sweep. */
  forgetSink(name: string): Promise<void>;
  /** Hands all that a sink has left to do over to another name (dead letters keep the old one); false: there is no such sink, or the new name is taken. */
  renameSink(from: string, to: string): Promise<boolean>;
  /** Forgets processes that hold nothing and were not seen for a day; how many. */
  tidy(): Promise<number>;
  /** Backlog over all lists, for limits and health. */
  usage(): Promise<{ bytes: number; records: number }>;
  /** Of what the backlog lies in; null: it is not known, or nobody's but the log's. */
  memory(): Promise<Memory | null>;
  /** For uptime tests. */
  readonly reports: ReportLog;
  /** User and password have changed: open connections sign in anew. Where tokens do that, or nothing does, it is ignored. */
  signIn(credential: Credential): void;
  /** Ends connections. What is held should be released before. */
  close(): Promise<void>;
  /** When the engine last (re)connected, ms of the monotonic clock; no takeover within the first lease after it. Null while away. */
  readonly connectedAt: number | null;
}

/** Of a Redis, or of all nodes of a cluster. */
export interface Memory {
  /** What it may use, bytes; 0: no limit. */
  max: number;
  /** How much of it is used, 0 to 1, of the fullest node. */
  used: number;
}

/** Where the results of uptime tests go, and which instance makes them. */
export interface ReportLog {
  /** Appends to the host checker's list, as a gateway does; how long that is then. Throws LogError. */
  push(reports: readonly Uint8Array[]): Promise<number>;
  /** Takes or keeps the seat of the one instance that tests, for so long; false: another has it. Throws LogError. */
  hold(ms: number): Promise<boolean>;
  /** Gives the seat up. */
  leave(): Promise<void>;
}

export interface ListLog {
  /** The gateway's key. */
  readonly name: string;
  readonly wire: Wire;
  /** Cuts at most one chunk off the live list. `left`: what the list still holds. Never resent after a lost reply. */
  claim(): Promise<{ claimed: number; left: number }>;
  /** Unread chunks, oldest first, at most `chunks` for each sink; the answer is in the order of the requests. */
  take(requests: readonly { sink: string; chunks: number }[]): Promise<ChunkRef[][]>;
  /**
   * Chunks whose lease has run out or that were released, at most `chunks`. May hold a chunk that the caller believes to
   * hold, when its renewals came late or the answer that gave it was lost: the lease is anew the caller's.
   */
  takeover(sink: string, chunks: number): Promise<ChunkRef[]>;
  /**
   * Fills `slab` with records [from, ..) of the chunk, as many as fit, and the offsets behind them.
   * `missing`: the chunk is gone (evicted, deleted by hand).
   */
  read(ref: ChunkRef, from: number, slab: SharedArrayBuffer): Promise<ReadResult>;
  /** Renews the leases; gives back the refs that are no longer ours. */
  extend(sink: string, refs: readonly ChunkRef[]): Promise<ChunkRef[]>;
  /** Done. How many of them were still ours. */
  ack(sink: string, refs: readonly ChunkRef[]): Promise<number>;
  /**
   * Copies these records into the dead letters, and answers their ids; "" where a record is not there. Before the ack, never after.
   * Idempotent by (sink, chunk, index) when listed.
   */
  reject(sink: string, ref: ChunkRef, letters: readonly { index: number; reason: string }[]): Promise<string[]>;
  /** Adds letters that are no records of a chunk that is here; answers their ids. */
  addLetters(sink: string, letters: readonly NewLetter[]): Promise<string[]>;
  /** Hands back at once, uncounted: the next takeover has them. */
  release(sink: string, refs: readonly ChunkRef[]): Promise<void>;
  /** Deletes chunks that all sinks are done with; how many. Any instance may. */
  sweep(): Promise<number>;
  /** How far this sink is behind what was claimed, and how many records wait unclaimed (the same for all sinks). */
  lag(sink: string): Promise<Lag>;
  /** Dead letters kept for this sink. */
  letters(sink: string): Promise<{ records: number; bytes: number }>;
  /** Dead letters in order of arrival, beginning behind `after`; a letter written twice is listed once a page. */
  readLetters(after: string | null, limit: number): Promise<DeadLetter[]>;
  /** Deletes letters by id, after a replay, by hand, or since their records are tried once more; how many there were. */
  dropLetters(ids: readonly string[]): Promise<number>;
}

/** One of the gateway's: its dead letters are kept here. */
export interface HomeList extends ListLog {
  /** As `readLetters`, without the records, and with every letter that was written twice. */
  listLetters(after: string | null, limit: number): Promise<LetterHead[]>;
  /** Those of them that are there, in this order. */
  getLetters(ids: readonly string[]): Promise<DeadLetter[]>;
  /** Gives letters another reason and another id, behind all others: their sink has refused them anew. The new ids; "": it is gone. */
  replaceLetters(letters: readonly { id: string; reason: string }[]): Promise<string[]>;
  /** What the sink gets next, at most so many records: those that wait for it, else the last that are still here, then live ones. Changes nothing. */
  peek(sink: string, records: number): Promise<Peeked[]>;
}

export interface SinkEntry {
  name: string;
  /** Of its configuration: two instances that differ under one name are warned of. */
  fingerprint: string;
  /** Only lists with such records are kept for it; default "analytics". */
  reads?: Kind;
  /** Records that wait for it on an instance's disk, by spool; 0: that spool is empty or gone. */
  spools?: Spools;
}

/** Records by the spool's id. */
export interface Spools {
  [spool: string]: number;
}

export interface KnownSink extends SinkEntry {
  /** When an instance last said that it configures this sink, ms since 1970; 0: never. */
  seen: number;
  spools: Spools;
  /** Those that are kept for it. */
  lists: string[];
}

/** One chunk in the hands of one sink. */
export interface ChunkRef {
  /** The engine's place of the chunk's descriptor (Redis: the stream entry's id). */
  readonly entry: string;
  /** Names the chunk for good: `<entry>.<claim nonce>`; never used twice. */
  readonly chunk: string;
  readonly records: number;
  /** Records that lie behind it where several chunks are kept in one block, else 0. */
  readonly behind: number;
  /** What its first record is counted as, where it is not the whole of what its name stands for; default 0. */
  readonly first?: number;
  /** May have been delivered before, to anybody. */
  readonly redelivered: boolean;
  /** How often it was handed out, this time included; hand-outs that ended in a release do not count. */
  readonly deliveries: number;
}

export type ReadResult =
  | { missing: true }
  /** The record at `from` alone needs a slab of this size. */
  | { need: number }
  /** Records [from, to) read; `at`: byte offset of their offsets (start, end; 32-bit words); `bytes`: their sum. */
  | { to: number; at: number; bytes: number };

export interface Lag {
  chunks: number;
  records: number;
  /** Of the oldest chunk not done, ms; 0 if none. */
  oldestMs: number;
  /** Still in the live list. */
  live: number;
}

export interface NewLetter {
  chunk: string;
  /** Below zero: it tells of records that are gone, and is none itself. */
  index: number;
  reason: string;
  raw: Uint8Array;
}

export interface DeadLetter extends NewLetter {
  id: string;
  sink: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** A letter without its record. */
export interface LetterHead extends Omit<DeadLetter, "raw"> {
  /** Of the record. */
  bytes: number;
}

/** A record that was looked at. */
export interface Peeked {
  /** Empty: it is still in the live list, at this index. */
  chunk: string;
  index: number;
  raw: Uint8Array;
}

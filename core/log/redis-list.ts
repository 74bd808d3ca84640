import { randomBytes } from "node:crypto";
import type { Wire } from "@sluice/sdk";
import { fitting } from "./bulk-reader.ts";
import type { Connection, Reply } from "./connection.ts";
import { unavailable } from "./errors.ts";
import { type GatewayList, keysOf, kindOf, type ListKeys } from "./keys.ts";
import type {
  ChunkRef,
  DeadLetter,
  HomeList,
  Lag,
  LetterHead,
  NewLetter,
  Peeked,
  ReadResult,
  SinkEntry,
} from "./log.ts";
import { type Descriptor, lastEntry, parseDescriptor, readEntries, readPending } from "./redis-entries.ts";
import { ensureGroups, isNoGroup, type Registry } from "./redis-groups.ts";
import { lagOf } from "./redis-lag.ts";
import {
  addLetters,
  countLetters,
  dropLetters,
  getLetters,
  listLetters,
  readLetters,
  replaceLetters,
  writeLetters,
} from "./redis-letters.ts";
import { peek } from "./redis-peek.ts";
import { sweepLog } from "./redis-sweep.ts";
import { CLAIM, EXTEND, FREE, RELEASE } from "./scripts.ts";
import { compareIds, FIRST_ID, nextId } from "./stream-id.ts";

export interface RedisListOptions {
  /** To the server that has this list. */
  readonly connection: Connection;
  /** This process among the consumers. */
  readonly consumer: string;
  readonly leaseMs: number;
  readonly chunkRecords: number;
  readonly chunkBytes: number;
  readonly sweepGraceMs: number;
  /** The first list of its kind: it holds the sinks of all instances, whether or not it is used. */
  readonly registry: () => Registry;
}

/** A longer list is not taken whole: the server looks for a record from the nearer end of its block (18 ns a node of seven). */
const BLOCK_CHUNKS = 3000;
/** Ids in one XACK, or one call of a script. */
const IDS = 500;
/** Entries looked at in one XPENDING of a takeover. */
const PAGE = 100;
/** Chunks whose records are counted one by one, for an estimate of all. */
const COUNTED = 64;
/** Elements of one LRANGE, whatever a foreign descriptor says. */
const MOST = 65_536;

export class RedisList implements HomeList {
  readonly name: string;
  readonly wire: Wire;
  readonly keys: ListKeys;
  /** All that are registered, whatever they read. */
  registered: readonly SinkEntry[] = [];
  /** "copy" where the server refuses SORT. */
  claimMode: "sort" | "copy" = "sort";
  readonly #options: RedisListOptions;
  /** Groups known to be there, as of this epoch of the connection. */
  #groups = new Set<string>();
  #epoch = -1;
  #ensuring: Promise<boolean> | null = null;
  /** The last entry when the connection began: what is not behind it may have been delivered in a life before a rewind. */
  #oldUpTo = FIRST_ID;
  /** Mean bytes of the records read so far; 0: none read. */
  #mean = 0;

  constructor(list: GatewayList, options: RedisListOptions) {
    this.name = list.name;
    this.wire = list.wire;
    this.keys = keysOf(list.name);
    this.#options = options;
  }

  get connection(): Connection {
    return this.#options.connection;
  }

  /** Mean bytes of a record, for estimates; 0: none seen. */
  get meanBytes(): number {
    return this.#mean;
  }

  /** The registered sinks that read this list. */
  get sinks(): SinkEntry[] {
    return this.registered.filter(({ reads = "analytics" }) => reads === kindOf(this.wire));
  }

  /** Creates what is missing for these sinks. False: the list never held anything. */
  async ensure(extra: readonly string[] = []): Promise<boolean> {
    const { connection } = this.#options;
    if (this.#epoch !== connection.epoch) {
      this.#epoch = connection.epoch;
      this.#groups.clear();
    }
    const known = (name: string) => this.#groups.has(name);
    if (this.#groups.size > 0 && this.sinks.every(({ name }) => known(name)) && extra.every(known)) return true;
    if (this.#ensuring !== null) return this.#ensuring;
    this.#ensuring = this.#create(extra).finally(() => {
      this.#ensuring = null;
    });
    return this.#ensuring;
  }

  async claim(): Promise<{ claimed: number; left: number }> {
    const { connection } = this.#options;
    try {
      return await this.#claim();
    } catch (error) {
      // While a slot moves no claim works, as the block is on neither node; nor does one where a key of ours is another's, or a
      // command is refused. What touches the list alone does: the gateway's expiry must not strike meanwhile.
      await connection.send("PERSIST", [this.keys.live], this.name).catch(() => {});
      throw error;
    }
  }

  async #claim(): Promise<{ claimed: number; left: number }> {
    const { connection, chunkRecords, chunkBytes } = this.#options;
    if (!(await this.ensure())) return { claimed: 0, left: 0 };
    if (this.#mean === 0) {
      // An idle list is asked for no more than that.
      if ((await connection.send("LLEN", [this.keys.live], this.name)) === 0) return { claimed: 0, left: 0 };
      this.#mean = await this.#sampleMean(this.keys.live);
    }
    const fitting = this.#mean > 0 ? Math.floor(chunkBytes / this.#mean) : chunkRecords;
    const n = Math.max(1, Math.min(chunkRecords, fitting));
    // A fresh id each time: were one used twice, the second claim would move the new live list over the first block.
    const id = randomBytes(12).toString("base64url");
    const keys = [this.keys.live, this.keys.log, this.keys.block(id)];
    const reply = await connection.run(CLAIM, keys, [n, id, this.claimMode, BLOCK_CHUNKS], this.name);
    const [claimed, left] = reply as [number, number];
    return { claimed, left };
  }

  async take(requests: readonly { sink: string; chunks: number }[]): Promise<ChunkRef[][]> {
    const names = requests.map(({ sink }) => sink);
    if (!(await this.ensure(names))) return requests.map(() => []);
    return Promise.all(
      requests.map(async ({ sink, chunks }) => {
        if (chunks <= 0) return [];
        const descriptors = await this.#withGroup(sink, () => this.#readGroup(sink, chunks));
        return descriptors.map((descriptor) => this.#ref(descriptor, 1));
      }),
    );
  }

  async takeover(sink: string, chunks: number): Promise<ChunkRef[]> {
    const { connection, leaseMs, consumer } = this.#options;
    const { send, connectedAt } = connection;
    if (chunks <= 0 || !(await this.ensure([sink]))) return [];
    // Idle time is the server's wall clock: after a pause or a failover all leases would seem to have run out at once.
    const settled = connectedAt !== null && performance.now() - connectedAt >= leaseMs;
    const refs: ChunkRef[] = [];
    let from = "-";
    while (refs.length < chunks) {
      const page = await this.#withGroup(sink, () => readPending(send, this.keys.log, sink, from, PAGE));
      const expired = page
        .filter(({ consumer: owner, idleMs }) => idleMs >= leaseMs && (settled || owner === FREE))
        .slice(0, chunks - refs.length);
      const claimed = await Promise.all(
        expired.map(async ({ entry, deliveries }) => {
          // The minimum idle time lets one taker win.
          const reply = await send("XCLAIM", [this.keys.log, sink, consumer, leaseMs, entry], this.keys.log);
          return this.#taken(sink, entry, deliveries + 1, reply as Reply[]);
        }),
      );
      for (const ref of claimed) if (ref !== null) refs.push(ref);
      if (page.length < PAGE) break;
      from = nextId(page.at(-1)!.entry);
    }
    return refs;
  }

  async read(ref: ChunkRef, from: number, slab: SharedArrayBuffer): Promise<ReadResult> {
    const key = this.#blockKey(ref);
    const mean = this.#mean > 0 ? this.#mean : await this.#sampleMean(key);
    const count = Math.min(fitting(slab, mean), Math.max(1, ref.records - from), MOST);
    const start = from - ref.records - ref.behind;
    const result = await this.#options.connection.reader.range({
      key,
      from: start,
      count,
      slab,
      mean: Math.max(mean, 64),
    });
    // Less than there must be: were it taken for the chunk's beginning, its records would change their names.
    if (result.received < Math.max(1, Math.min(count, ref.records - from))) return this.#confirmMissing(key, -start);
    if (result.fitted === 0) return { need: result.need };
    const seen = result.bytes / result.fitted;
    this.#mean = this.#mean === 0 ? seen : this.#mean + (seen - this.#mean) / 8;
    return { to: from + result.fitted, at: result.at, bytes: result.bytes };
  }

  async extend(sink: string, refs: readonly ChunkRef[]): Promise<ChunkRef[]> {
    const { connection, consumer } = this.#options;
    const answers = await Promise.all(
      inGroupsOf(IDS, refs).map(async (some) => {
        const ids = some.map(({ entry }) => entry);
        try {
          return (await connection.run(EXTEND, [this.keys.log], [sink, consumer, ...ids], this.keys.log)) as string[];
        } catch (error) {
          if (!isNoGroup(error)) throw error;
          this.#groups.delete(sink);
          return ids;
        }
      }),
    );
    const lost = new Set(answers.flat());
    return refs.filter(({ entry }) => lost.has(entry));
  }

  async ack(sink: string, refs: readonly ChunkRef[]): Promise<number> {
    const { send } = this.#options.connection;
    const counts = await Promise.all(
      inGroupsOf(IDS, refs).map((some) =>
        send("XACK", [this.keys.log, sink, ...some.map(({ entry }) => entry)], this.keys.log),
      ),
    );
    return (counts as number[]).reduce((sum, n) => sum + n, 0);
  }

  async reject(sink: string, ref: ChunkRef, letters: readonly { index: number; reason: string }[]): Promise<string[]> {
    return writeLetters(this.#options.connection, this.keys, sink, ref, this.#blockKey(ref), letters);
  }

  addLetters(sink: string, letters: readonly NewLetter[]): Promise<string[]> {
    return addLetters(this.#options.connection, this.keys, sink, letters);
  }

  async release(sink: string, refs: readonly ChunkRef[]): Promise<void> {
    const { connection, consumer } = this.#options;
    await Promise.all(
      inGroupsOf(IDS, refs).map(async (some) => {
        const ids = some.map(({ entry }) => entry);
        try {
          await connection.run(RELEASE, [this.keys.log], [sink, consumer, ...ids], this.keys.log);
        } catch (error) {
          if (!isNoGroup(error)) throw error;
          this.#groups.delete(sink);
        }
      }),
    );
  }

  async sweep(): Promise<number> {
    const { connectedAt, epoch } = this.#options.connection;
    if (epoch > 1 && performance.now() - (connectedAt ?? performance.now()) < this.#options.sweepGraceMs) return 0;
    if (!(await this.ensure())) return 0;
    return sweepLog(this.#options.connection, this.keys);
  }

  lag(sink: string): Promise<Lag> {
    return lagOf(this.#options.connection, this.keys, sink);
  }

  letters(sink: string): Promise<{ records: number; bytes: number }> {
    return countLetters(this.#options.connection, this.keys, sink);
  }

  readLetters(after: string | null, limit: number): Promise<DeadLetter[]> {
    return readLetters(this.#options.connection, this.keys, after, limit);
  }

  listLetters(after: string | null, limit: number): Promise<LetterHead[]> {
    return listLetters(this.#options.connection, this.keys, after, limit);
  }

  getLetters(ids: readonly string[]): Promise<DeadLetter[]> {
    return getLetters(this.#options.connection, this.keys, ids);
  }

  replaceLetters(letters: readonly { id: string; reason: string }[]): Promise<string[]> {
    return replaceLetters(this.#options.connection, this.keys, letters);
  }

  peek(sink: string, records: number): Promise<Peeked[]> {
    return peek(this.#options.connection, this.keys, sink, records);
  }

  dropLetters(ids: readonly string[]): Promise<number> {
    return dropLetters(this.#options.connection, this.keys, ids);
  }

  /** Records and bytes, claimed and live; the claimed from the chunks that are there, the bytes from the mean size. */
  async usage(): Promise<{ bytes: number; records: number }> {
    const { send } = this.#options.connection;
    const [length, entries, chunks] = await Promise.all([
      send("LLEN", [this.keys.live], this.name),
      readEntries(send, this.keys.log, "-", "+", COUNTED),
      send("XLEN", [this.keys.log], this.keys.log),
    ]);
    const live = length as number;
    let records = live;
    if (entries.length > 0) {
      // Not by the running totals: the oldest chunk may be all that is left of many.
      const counted = entries.reduce((sum, entry) => sum + entry.records, 0);
      records += Math.round((counted * (chunks as number)) / entries.length);
      // Not by the first alone: a few records that are unlike all others would speak for the whole backlog.
      const some = [0, entries.length >> 1, entries.length - 1].map((i) => this.keys.block(entries[i]!.block));
      if (this.#mean === 0) this.#mean = await this.#sampleMean(...new Set(some));
    }
    if (live > 0 && this.#mean === 0) this.#mean = await this.#sampleMean(this.keys.live);
    return { records, bytes: Math.round(records * this.#mean) };
  }

  async #create(extra: readonly string[]): Promise<boolean> {
    const { connection, consumer, registry } = this.#options;
    const { epoch } = connection;
    const named = new Map<string, SinkEntry>(extra.map((name) => [name, { name, fingerprint: "" }]));
    for (const sink of this.sinks) named.set(sink.name, sink);
    const all = [...named.values()];
    if (!(await ensureGroups(connection, this.keys, all, consumer, registry()))) return false;
    const last = this.#groups.size === 0 ? await lastEntry(connection.send, this.keys.log) : undefined;
    if (this.#epoch !== epoch) return true;
    // Of the first look in this epoch; later ones (a new sink) must not make what was claimed meanwhile look old.
    if (this.#groups.size === 0) this.#oldUpTo = last?.entry ?? FIRST_ID;
    for (const { name } of all) this.#groups.add(name);
    return true;
  }

  /** NOGROUP: flushed, evicted, or a replica that never had it. Nothing was done, so create it and ask once more. */
  async #withGroup<T>(sink: string, ask: () => Promise<T[]>): Promise<T[]> {
    try {
      return await ask();
    } catch (error) {
      if (!isNoGroup(error)) throw error;
      this.#groups.clear();
      return (await this.ensure([sink])) ? ask() : [];
    }
  }

  async #readGroup(sink: string, chunks: number): Promise<Descriptor[]> {
    const { connection, consumer } = this.#options;
    const args = ["GROUP", sink, consumer, "COUNT", chunks, "STREAMS", this.keys.log, ">"];
    const reply = (await connection.send("XREADGROUP", args, this.keys.log)) as [string, Reply[]][] | null;
    return reply?.[0]?.[1].map(parseDescriptor) ?? [];
  }

  /** The answer of one XCLAIM: another was faster; or it is ours; or its descriptor is gone (then it is done for us). */
  async #taken(sink: string, entry: string, deliveries: number, reply: Reply[]): Promise<ChunkRef | null> {
    if (reply.length === 0) return null;
    if (reply[0] === null) {
      await this.#options.connection.send("XACK", [this.keys.log, sink, entry], this.keys.log);
      return null;
    }
    return { ...this.#ref(parseDescriptor(reply[0]!), deliveries), redelivered: true };
  }

  #ref({ entry, block, records, behind }: Descriptor, deliveries: number): ChunkRef {
    const redelivered = deliveries > 1 || compareIds(entry, this.#oldUpTo) <= 0;
    return { entry, chunk: `${entry}.${block}`, records, behind, redelivered, deliveries };
  }

  #blockKey(ref: ChunkRef): string {
    return this.keys.block(ref.chunk.slice(ref.entry.length + 1));
  }

  /** Bytes of a record by MEMORY USAGE of lists of them; 0 if that is refused. */
  async #sampleMean(...keys: readonly string[]): Promise<number> {
    const { send } = this.#options.connection;
    const sizes = keys.map((key) => Promise.all([send("MEMORY", ["USAGE", key], key), send("LLEN", [key], key)]));
    try {
      let bytes = 0;
      let records = 0;
      for (const [size, length] of await Promise.all(sizes)) {
        bytes += Number(size);
        records += Number(length);
      }
      return records > 0 ? bytes / records : 0;
    } catch {
      return 0;
    }
  }

  /** The bulk connection may still lead to a former master, where the chunk is not yet: ask where the descriptor came from. */
  async #confirmMissing(key: string, fromTail: number): Promise<ReadResult> {
    const { connection } = this.#options;
    if (((await connection.send("LLEN", [key], key)) as number) < Math.max(1, fromTail)) return { missing: true };
    connection.reader.reset(`the bulk connection does not see ${key}`);
    throw unavailable(key, new Error("the bulk connection leads to another server than the control connection"));
  }
}

function inGroupsOf<T>(size: number, items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

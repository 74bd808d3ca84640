import type { Wire } from "@sluice/sdk";
import { cut } from "./cut.ts";
import { kindOf } from "./keys.ts";
import type { ChunkRef, DeadLetter, Lag, ListLog, ReadResult } from "./log.ts";
import type { SqliteStore } from "./sqlite-store.ts";

interface Lease {
  ref: ChunkRef;
  /** When it runs out, ms of the monotonic clock. */
  until: number;
}

/** What one sink has in hand of one list. In memory: after a restart all is free. */
interface Cursor {
  /** Chunks up to this one were handed out by this process. */
  last: number;
  held: Map<string, Lease>;
  freed: Map<string, ChunkRef>;
}

export interface SqliteListOptions {
  leaseMs: number;
  chunkRecords: number;
  chunkBytes: number;
}

/** Brings records to the file from elsewhere, for the lists that nobody appends to. */
export interface Intake {
  /** Throws LogError; it goes on trying. */
  connect(): Promise<void>;
  /** Moves one page of a list into the store. */
  claim(list: string, store: SqliteStore): Promise<{ claimed: number; left: number }>;
  /** Records that were left of a list at the last claim. */
  left(list: string): number;
  close(): void;
}

export class SqliteList implements ListLog {
  readonly name: string;
  readonly wire: Wire;
  readonly #opened: () => SqliteStore;
  readonly #options: SqliteListOptions;
  readonly #intake: Intake | undefined;
  #cursors = new Map<string, Cursor>();
  /** Acknowledged since the last sweep; null: look at all. */
  #candidates: Set<number> | null = null;

  /** `opened` gives the store, or throws while the log is not open. */
  constructor(name: string, wire: Wire, opened: () => SqliteStore, options: SqliteListOptions, intake?: Intake) {
    this.name = name;
    this.wire = wire;
    this.#opened = opened;
    this.#options = options;
    this.#intake = intake;
  }

  get #store(): SqliteStore {
    return this.#opened();
  }

  /** Cuts chunks of at most the limits and commits them all at once, synced to disk; how many. */
  append(records: readonly Uint8Array[]): number {
    return this.#store.append(this.name, cut(records, this.#options));
  }

  /** The sinks have changed: any chunk may have become deletable. */
  sinksChanged(): void {
    this.#candidates = null;
  }

  forget(sink: string): void {
    this.#cursors.delete(sink);
    this.#candidates = null;
  }

  /** Without an intake there is nothing to claim: `append` makes the chunks. */
  async claim(): Promise<{ claimed: number; left: number }> {
    return this.#intake?.claim(this.name, this.#store) ?? { claimed: 0, left: 0 };
  }

  async take(requests: readonly { sink: string; chunks: number }[]): Promise<ChunkRef[][]> {
    return requests.map(({ sink, chunks }) => {
      if (chunks <= 0) return [];
      const cursor = this.#cursor(sink);
      const unread = this.#store.unread(this.name, sink, cursor.last, chunks);
      return unread.map(({ id, records }) => {
        cursor.last = id;
        const ref: ChunkRef = {
          entry: String(id),
          chunk: `${id}.${this.#store.nonce}`,
          records,
          behind: 0,
          redelivered: id <= this.#store.oldUpTo,
          deliveries: 1,
        };
        return this.#hold(cursor, ref);
      });
    });
  }

  async takeover(sink: string, chunks: number): Promise<ChunkRef[]> {
    const cursor = this.#cursor(sink);
    const now = performance.now();
    const taken: ChunkRef[] = [];
    for (const ref of cursor.freed.values()) {
      if (taken.length >= chunks) break;
      cursor.freed.delete(ref.entry);
      taken.push(ref);
    }
    for (const { ref, until } of cursor.held.values()) {
      if (taken.length >= chunks) break;
      if (until <= now) taken.push({ ...ref, redelivered: true, deliveries: ref.deliveries + 1 });
    }
    return taken.map((ref) => this.#hold(cursor, ref));
  }

  async read(ref: ChunkRef, from: number, slab: SharedArrayBuffer): Promise<ReadResult> {
    const ends = this.#store.ends(Number(ref.entry));
    if (ends === null || from >= ends.length) return { missing: true };
    const start = from === 0 ? 0 : ends[from - 1]!;
    let to = from;
    while (to < ends.length && roomFor(ends[to]! - start, to + 1 - from) <= slab.byteLength) to++;
    if (to === from) return { need: roomFor(ends[from]! - start, 1) };
    const bytes = ends[to - 1]! - start;
    const data = this.#store.data(Number(ref.entry), start, bytes);
    if (data === null) return { missing: true };
    new Uint8Array(slab).set(data);
    const at = (bytes + 3) & ~3;
    const offsets = new Uint32Array(slab, at, 2 * (to - from));
    for (let i = from, previous = start; i < to; i++) {
      offsets[2 * (i - from)] = previous - start;
      previous = ends[i]!;
      offsets[2 * (i - from) + 1] = previous - start;
    }
    return { to, at, bytes };
  }

  async extend(sink: string, refs: readonly ChunkRef[]): Promise<ChunkRef[]> {
    const { held } = this.#cursor(sink);
    const until = performance.now() + this.#options.leaseMs;
    return refs.filter(({ entry }) => {
      const lease = held.get(entry);
      if (lease !== undefined) lease.until = until;
      return lease === undefined;
    });
  }

  async ack(sink: string, refs: readonly ChunkRef[]): Promise<number> {
    const ids = refs.map(({ entry }) => Number(entry));
    const done = this.#store.markDone(sink, ids);
    const { held, freed } = this.#cursor(sink);
    for (const { entry } of refs) {
      held.delete(entry);
      freed.delete(entry);
    }
    for (const id of ids) this.#candidates?.add(id);
    return done;
  }

  async reject(sink: string, ref: ChunkRef, letters: readonly { index: number; reason: string }[]): Promise<void> {
    const ends = this.#store.ends(Number(ref.entry));
    const found = letters.flatMap(({ index, reason }) => {
      if (ends === null || index >= ends.length) return [];
      const start = index === 0 ? 0 : ends[index - 1]!;
      const raw = this.#store.data(Number(ref.entry), start, ends[index]! - start);
      return raw === null ? [] : [{ sink, chunk: ref.chunk, index, reason, raw }];
    });
    this.#store.writeLetters(this.name, found);
  }

  async release(sink: string, refs: readonly ChunkRef[]): Promise<void> {
    const { held, freed } = this.#cursor(sink);
    for (const ref of refs) if (held.delete(ref.entry)) freed.set(ref.entry, { ...ref, redelivered: true });
  }

  async sweep(): Promise<number> {
    const candidates = this.#candidates;
    this.#candidates = new Set();
    try {
      return this.#store.deleteDone(this.name, kindOf(this.wire), candidates);
    } catch (error) {
      this.#candidates = null;
      throw error;
    }
  }

  async lag(sink: string): Promise<Lag> {
    const { chunks, records, oldest } = this.#store.backlog(this.name, sink);
    return {
      chunks,
      records,
      oldestMs: oldest === null ? 0 : Math.max(0, Date.now() - oldest),
      live: this.#intake?.left(this.name) ?? 0,
    };
  }

  async letters(sink: string): Promise<{ records: number; bytes: number }> {
    return this.#store.countLetters(this.name, sink);
  }

  async readLetters(after: string | null, limit: number): Promise<DeadLetter[]> {
    return this.#store.readLetters(this.name, Number(after ?? 0), limit);
  }

  async dropLetters(ids: readonly string[]): Promise<number> {
    return this.#store.dropLetters(this.name, ids.map(Number));
  }

  #cursor(sink: string): Cursor {
    let cursor = this.#cursors.get(sink);
    if (cursor === undefined) {
      cursor = { last: 0, held: new Map(), freed: new Map() };
      this.#cursors.set(sink, cursor);
    }
    return cursor;
  }

  #hold(cursor: Cursor, ref: ChunkRef): ChunkRef {
    cursor.held.set(ref.entry, { ref, until: performance.now() + this.#options.leaseMs });
    return ref;
  }
}

function roomFor(bytes: number, records: number): number {
  return ((bytes + 3) & ~3) + 8 * records;
}

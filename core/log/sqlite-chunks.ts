import type { Wire } from "@sluice/sdk";
import { kindOf } from "./keys.ts";
import type { ChunkRef, Lag, NewLetter, ReadResult } from "./log.ts";
import { aligned, roomFor } from "./page.ts";
import type { SqliteFile } from "./sqlite-file.ts";
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

/** A file whose chunks are handed out. */
export interface ChunkStore
  extends Pick<SqliteFile, "nonce" | "ends" | "data">,
    Pick<SqliteStore, "oldUpTo" | "markDone" | "deleteDone" | "backlog"> {
  /** `name`: of the chunk, where it is not one of this file's own. */
  unread(list: string, sink: string, after: number, limit: number): { id: number; records: number; name?: string }[];
}

/** The chunks of one list in a file, and who has which in hand. */
export abstract class SqliteChunks<Store extends ChunkStore> {
  readonly name: string;
  readonly wire: Wire;
  readonly #opened: () => Store;
  readonly #leaseMs: number;
  #cursors = new Map<string, Cursor>();
  /** Acknowledged since the last sweep; null: look at all. */
  #candidates: Set<number> | null = null;

  /** `opened` gives the store, or throws while the file is not open. */
  constructor(name: string, wire: Wire, opened: () => Store, leaseMs: number) {
    this.name = name;
    this.wire = wire;
    this.#opened = opened;
    this.#leaseMs = leaseMs;
  }

  /** The sinks have changed: any chunk may have become deletable. */
  sinksChanged(): void {
    this.#candidates = null;
  }

  forget(sink: string): void {
    this.#cursors.delete(sink);
    this.#candidates = null;
  }

  async take(requests: readonly { sink: string; chunks: number }[]): Promise<ChunkRef[][]> {
    return requests.map(({ sink, chunks }) => {
      if (chunks <= 0) return [];
      const cursor = this.#cursor(sink);
      const unread = this.store.unread(this.name, sink, cursor.last, chunks);
      return unread.map(({ id, records, name }) => {
        cursor.last = id;
        const ref: ChunkRef = {
          entry: String(id),
          chunk: name ?? `${id}.${this.store.nonce}`,
          records,
          behind: 0,
          redelivered: id <= this.store.oldUpTo,
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
    const ends = this.store.ends(Number(ref.entry));
    if (ends === null || from >= ends.length) return { missing: true };
    const start = from === 0 ? 0 : ends[from - 1]!;
    let to = from;
    while (to < ends.length && roomFor(ends[to]! - start, to + 1 - from) <= slab.byteLength) to++;
    if (to === from) return { need: roomFor(ends[from]! - start, 1) };
    const bytes = ends[to - 1]! - start;
    const data = this.store.data(Number(ref.entry), start, bytes);
    if (data === null) return { missing: true };
    new Uint8Array(slab).set(data);
    const at = aligned(bytes);
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
    const until = performance.now() + this.#leaseMs;
    return refs.filter(({ entry }) => {
      const lease = held.get(entry);
      if (lease !== undefined) lease.until = until;
      return lease === undefined;
    });
  }

  async ack(sink: string, refs: readonly Pick<ChunkRef, "entry">[]): Promise<number> {
    const ids = refs.map(({ entry }) => Number(entry));
    const done = this.store.markDone(sink, ids);
    const { held, freed } = this.#cursor(sink);
    for (const { entry } of refs) {
      held.delete(entry);
      freed.delete(entry);
    }
    for (const id of ids) this.#candidates?.add(id);
    return done;
  }

  async release(sink: string, refs: readonly ChunkRef[]): Promise<void> {
    const { held, freed } = this.#cursor(sink);
    for (const ref of refs) if (held.delete(ref.entry)) freed.set(ref.entry, { ...ref, redelivered: true });
  }

  async sweep(): Promise<number> {
    const candidates = this.#candidates;
    this.#candidates = new Set();
    try {
      return this.store.deleteDone(this.name, kindOf(this.wire), candidates);
    } catch (error) {
      this.#candidates = null;
      throw error;
    }
  }

  async lag(sink: string): Promise<Lag> {
    const { chunks, records, oldest } = this.store.backlog(this.name, sink);
    return {
      chunks,
      records,
      oldestMs: oldest === null ? 0 : Math.max(0, Date.now() - oldest),
      live: this.live,
    };
  }

  async reject(sink: string, ref: ChunkRef, letters: readonly { index: number; reason: string }[]): Promise<string[]> {
    const { chunk } = ref;
    const found = letters.flatMap(({ index, reason }): NewLetter[] => {
      const raw = this.#record(ref, index);
      return raw === null ? [] : [{ chunk, index, reason, raw }];
    });
    const ids = await this.addLetters(sink, found);
    const byIndex = new Map(found.map(({ index }, i) => [index, ids[i]!]));
    return letters.map(({ index }) => byIndex.get(index) ?? "");
  }

  abstract addLetters(sink: string, letters: readonly NewLetter[]): Promise<string[]>;

  protected get store(): Store {
    return this.#opened();
  }

  /** Records that were not made chunks yet. */
  protected get live(): number {
    return 0;
  }

  /** A record's bytes; null: it is not there. */
  #record({ entry }: ChunkRef, index: number): Buffer | null {
    const ends = this.store.ends(Number(entry));
    if (ends === null || index >= ends.length) return null;
    const start = index === 0 ? 0 : ends[index - 1]!;
    return this.store.data(Number(entry), start, ends[index]! - start);
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
    cursor.held.set(ref.entry, { ref, until: performance.now() + this.#leaseMs });
    return ref;
  }
}

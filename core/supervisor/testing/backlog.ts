import type { ChunkRef, Lag, ListLog, Memory, NewLetter, ReadResult } from "../../log/log.ts";
import type { TierDrain, TierSink } from "../tiers.ts";

const RECORD_BYTES = 100;

interface Chunk {
  ref: ChunkRef;
  at: number;
  /** Sinks that are not done with it, and whether they have it in hand. */
  owed: Map<string, "unread" | "held" | "free">;
}

/** A backlog in memory: lists of chunks, and sinks of which some work and some do not. Times are those of the monotonic clock. */
export class FakeBacklog {
  readonly sinks: readonly FakeSink[];
  readonly lists: readonly FakeBacklogList[];
  memory: Memory | null = null;

  constructor(sinks: readonly string[], lists = 1) {
    this.sinks = sinks.map((name) => new FakeSink(name, this));
    this.lists = Array.from({ length: lists }, (_, i) => new FakeBacklogList(`list${i}`, this));
  }

  get drains(): TierDrain[] {
    return this.lists.map((list) => list.drain);
  }

  sink(name: string): FakeSink {
    return this.sinks.find((sink) => sink.name === name)!;
  }

  /** Of all chunks that somebody needs. */
  get bytes(): number {
    return this.lists.reduce((sum, list) => sum + list.records * RECORD_BYTES, 0);
  }

  readonly log = {
    usage: async () => ({ bytes: this.bytes, records: this.bytes / RECORD_BYTES }),
    memory: async () => this.memory,
  };
}

export class FakeSink implements TierSink {
  readonly name: string;
  delivered = 0;
  yields = 0;
  readonly #backlog: FakeBacklog;

  constructor(name: string, backlog: FakeBacklog) {
    this.name = name;
    this.#backlog = backlog;
  }

  async yield({ name }: Pick<ListLog, "name">): Promise<void> {
    this.yields++;
    for (const chunk of this.#backlog.lists.find((list) => list.name === name)!.chunks) {
      if (chunk.owed.get(this.name) === "held") chunk.owed.set(this.name, "free");
    }
  }

  /** Takes the oldest chunks into its hands. */
  hold(chunks: number): void {
    for (const chunk of this.#owing(chunks)) chunk.owed.set(this.name, "held");
  }

  /** Is done with so many of the oldest. */
  work(chunks: number): void {
    for (const chunk of this.#owing(chunks)) {
      chunk.owed.delete(this.name);
      this.delivered += chunk.ref.records;
    }
  }

  #owing(chunks: number): Chunk[] {
    const all = this.#backlog.lists.flatMap((list) => list.chunks);
    return all.filter(({ owed }) => owed.has(this.name)).slice(0, chunks);
  }
}

type FakeListLog = Pick<
  ListLog,
  "name" | "take" | "takeover" | "read" | "ack" | "release" | "addLetters" | "dropLetters" | "lag"
>;

export class FakeBacklogList implements FakeListLog {
  readonly name: string;
  chunks: Chunk[] = [];
  readonly letters = new Map<string, NewLetter>();
  /** Chunks of sinks that this instance does not configure, oldest first, ms. */
  readonly foreign = new Map<string, number>();
  readonly drain: TierDrain;
  /** What comes instead of the next acknowledgement. */
  fault: Error | null = null;
  readonly excluded = new Set<string>();
  readonly #backlog: FakeBacklog;
  #count = 0;

  constructor(name: string, backlog: FakeBacklog) {
    this.name = name;
    this.#backlog = backlog;
    let lags = new Map<string, Lag>();
    this.drain = {
      list: this as unknown as ListLog,
      sinks: backlog.sinks,
      lag: (sink) => lags.get(sink.name) ?? { chunks: 0, records: 0, oldestMs: 0 },
      measure: async () => {
        lags = new Map(await Promise.all(backlog.sinks.map(async ({ name }) => [name, await this.lag(name)] as const)));
      },
      sweep: async () => {
        this.chunks = this.chunks.filter(({ owed }) => owed.size > 0);
      },
      exclude: ({ name }) => void this.excluded.add(name),
      include: ({ name }) => void this.excluded.delete(name),
    };
  }

  get records(): number {
    return this.chunks.reduce((sum, { ref, owed }) => sum + (owed.size > 0 ? ref.records : 0), 0);
  }

  add(records: number, ageMs = 60_000): void {
    const at = performance.now() - ageMs;
    const entry = `${Math.round(Date.now() - ageMs)}-${this.#count++}`;
    const ref: ChunkRef = { entry, chunk: `${entry}.c`, records, behind: 0, redelivered: false, deliveries: 1 };
    this.chunks.push({ ref, at, owed: new Map(this.#backlog.sinks.map(({ name }) => [name, "unread"])) });
  }

  owing(sink: string): string[] {
    return this.chunks.flatMap(({ ref, owed }) => (owed.has(sink) ? [ref.chunk] : []));
  }

  async take(requests: readonly { sink: string; chunks: number }[]): Promise<ChunkRef[][]> {
    return requests.map(({ sink, chunks }) => this.#hand("unread", sink, chunks));
  }

  async takeover(sink: string, chunks: number): Promise<ChunkRef[]> {
    return this.#hand("free", sink, chunks);
  }

  async read(ref: ChunkRef, from: number, slab: SharedArrayBuffer): Promise<ReadResult> {
    const count = ref.records - from;
    const offsets = new Uint32Array(slab, 0, 2 * count);
    for (let i = 0; i < count; i++) offsets.set([i * RECORD_BYTES, (i + 1) * RECORD_BYTES], 2 * i);
    return { to: ref.records, at: 0, bytes: count * RECORD_BYTES };
  }

  async ack(sink: string, refs: readonly { entry: string }[]): Promise<number> {
    const fault = this.fault;
    this.fault = null;
    if (fault) throw fault;
    for (const { entry } of refs) this.chunks.find(({ ref }) => ref.entry === entry)!.owed.delete(sink);
    return refs.length;
  }

  async release(sink: string, refs: readonly ChunkRef[]): Promise<void> {
    for (const { entry } of refs) this.chunks.find(({ ref }) => ref.entry === entry)!.owed.set(sink, "free");
  }

  async addLetters(_sink: string, letters: readonly NewLetter[]): Promise<string[]> {
    return letters.map((letter) => {
      const id = `letter${this.#count++}`;
      this.letters.set(id, letter);
      return id;
    });
  }

  async dropLetters(ids: readonly string[]): Promise<number> {
    for (const id of ids) this.letters.delete(id);
    return ids.length;
  }

  async lag(sink: string): Promise<Lag> {
    const owed = this.chunks.filter((chunk) => chunk.owed.has(sink));
    const oldest = owed[0]?.at ?? performance.now();
    return {
      chunks: owed.length,
      records: owed.reduce((sum, { ref }) => sum + ref.records, 0),
      oldestMs: this.foreign.get(sink) ?? performance.now() - oldest,
      live: 0,
    };
  }

  #hand(state: "unread" | "free", sink: string, most: number): ChunkRef[] {
    const found = this.chunks.filter(({ owed }) => owed.get(sink) === state).slice(0, most);
    for (const { owed } of found) owed.set(sink, "held");
    return found.map(({ ref }) => ref);
  }
}

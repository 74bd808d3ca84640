import type { ChunkRef, Lag, ListLog, NewLetter, ReadResult } from "../../log/log.ts";

/** A call of the log that a test may make fail or take long. */
export type LogCall = "take" | "takeover" | "read" | "extend" | "ack" | "reject" | "dropLetters" | "release";

interface Chunk {
  ref: ChunkRef;
  state: "unread" | "held" | "free" | "done" | "elsewhere";
  letters: Set<number>;
  /** When the lease runs out, ms of the monotonic clock. */
  until: number;
}

const RECORD_BYTES = 8;
export const LEASE_MS = 30_000;

/** One list in memory, for one sink. Its records are their chunk's number and their index. */
export class FakeList implements ListLog {
  readonly wire = "msgpack";
  readonly name: string;
  readonly chunks = new Map<string, Chunk>();
  /** Comes before each call; throws where the log fails. */
  before: (call: LogCall) => Promise<void> = async () => {};
  /** Comes after each, when it is done: the answer is lost if it throws. */
  after: (call: LogCall) => Promise<void> = async () => {};
  /** Letters that are no records of a chunk. */
  readonly notes: NewLetter[] = [];
  acknowledged: (chunk: string) => void = () => {};
  handedOut: (chunk: string) => void = () => {};
  /** What a slab holds at most, records. */
  page = 1000;

  constructor(name: string) {
    this.name = name;
  }

  add(chunk: number, records: number): void {
    const name = String(chunk);
    const ref: ChunkRef = { entry: name, chunk: name, records, behind: 0, redelivered: false, deliveries: 1 };
    this.chunks.set(name, { ref, state: "unread", letters: new Set(), until: 0 });
  }

  in(state: Chunk["state"]): string[] {
    return [...this.chunks].flatMap(([name, chunk]) => (chunk.state === state ? [name] : []));
  }

  take(requests: readonly { sink: string; chunks: number }[]): Promise<ChunkRef[][]> {
    return this.#call("take", () => requests.map(({ chunks }) => this.#hold("unread", chunks)));
  }

  takeover(_sink: string, chunks: number): Promise<ChunkRef[]> {
    return this.#call("takeover", () => {
      for (const chunk of this.chunks.values()) {
        if (chunk.state === "held" && chunk.until <= performance.now()) chunk.state = "free";
      }
      return this.#hold("free", chunks);
    });
  }

  read(ref: ChunkRef, from: number, slab: SharedArrayBuffer): Promise<ReadResult> {
    return this.#call("read", () => {
      const to = Math.min(ref.records, from + this.page);
      const words = new Uint32Array(slab);
      const at = (to - from) * 2;
      for (let i = 0; i < to - from; i++) {
        words[2 * i] = Number(ref.chunk);
        words[2 * i + 1] = from + i;
        words[at + 2 * i] = i * RECORD_BYTES;
        words[at + 2 * i + 1] = (i + 1) * RECORD_BYTES;
      }
      return { to, at: at * 4, bytes: (to - from) * RECORD_BYTES };
    });
  }

  extend(_sink: string, refs: readonly ChunkRef[]): Promise<ChunkRef[]> {
    return this.#call("extend", () => {
      const until = performance.now() + LEASE_MS;
      return refs.filter(({ chunk }) => {
        const found = this.chunks.get(chunk)!;
        found.until = until;
        return found.state !== "held";
      });
    });
  }

  ack(_sink: string, refs: readonly ChunkRef[]): Promise<number> {
    return this.#call("ack", () => {
      for (const { chunk } of refs) {
        this.chunks.get(chunk)!.state = "done";
        this.acknowledged(chunk);
      }
      return refs.length;
    });
  }

  reject(_sink: string, ref: ChunkRef, letters: readonly { index: number; reason: string }[]): Promise<string[]> {
    return this.#call("reject", () => {
      const chunk = this.chunks.get(ref.chunk)!;
      if (chunk.state === "done") throw new Error(`letters of chunk ${ref.chunk} after its acknowledgement`);
      for (const { index } of letters) chunk.letters.add(index);
      return letters.map(({ index }) => `${ref.chunk} ${index}`);
    });
  }

  async addLetters(_sink: string, letters: readonly NewLetter[]): Promise<string[]> {
    this.notes.push(...letters);
    return letters.map(({ chunk }) => chunk);
  }

  release(_sink: string, refs: readonly ChunkRef[]): Promise<void> {
    return this.#call("release", () => {
      for (const { chunk } of refs) {
        const found = this.chunks.get(chunk)!;
        if (found.state === "held") found.state = "free";
      }
    });
  }

  /** Another instance has it now. */
  steal(chunk: string): void {
    const found = this.chunks.get(chunk)!;
    if (found.state === "held" || found.state === "free") found.state = "elsewhere";
  }

  /** The other instance has died. */
  giveBack(): void {
    for (const chunk of this.chunks.values()) if (chunk.state === "elsewhere") chunk.state = "free";
  }

  async claim(): Promise<{ claimed: number; left: number }> {
    return { claimed: 0, left: 0 };
  }

  async sweep(): Promise<number> {
    return 0;
  }

  async lag(): Promise<Lag> {
    return { chunks: 0, records: 0, oldestMs: 0, live: 0 };
  }

  async letters(): Promise<{ records: number; bytes: number }> {
    let records = 0;
    for (const chunk of this.chunks.values()) records += chunk.letters.size;
    return { records, bytes: 0 };
  }

  async readLetters(): Promise<never[]> {
    return [];
  }

  dropLetters(ids: readonly string[]): Promise<number> {
    return this.#call("dropLetters", () => {
      for (const id of ids) {
        const [chunk, index] = id.split(" ");
        this.chunks.get(chunk!)!.letters.delete(Number(index));
      }
      return ids.length;
    });
  }

  async #call<T>(call: LogCall, work: () => T): Promise<T> {
    await this.before(call);
    const result = work();
    await this.after(call);
    return result;
  }

  #hold(state: "unread" | "free", most: number): ChunkRef[] {
    const refs: ChunkRef[] = [];
    for (const chunk of this.chunks.values()) {
      if (refs.length >= most) break;
      if (chunk.state !== state) continue;
      chunk.state = "held";
      chunk.until = performance.now() + LEASE_MS;
      this.handedOut(chunk.ref.chunk);
      refs.push({ ...chunk.ref, redelivered: state === "free" });
    }
    return refs;
  }
}

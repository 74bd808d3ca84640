import type { Wire } from "@sluice/sdk";
import type { Credential } from "./credentials.ts";
import { cut } from "./cut.ts";
import type { DeadLetter, HomeList, LetterHead, NewLetter, Peeked } from "./log.ts";
import { SqliteChunks } from "./sqlite-chunks.ts";
import type { SqliteStore } from "./sqlite-store.ts";

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
  /** As DeliveryLog's. */
  signIn(credential: Credential): void;
  close(): void;
}

/** Looked into at once. */
const PEEKED_CHUNKS = 4;

export class SqliteList extends SqliteChunks<SqliteStore> implements HomeList {
  readonly #options: SqliteListOptions;
  readonly #intake: Intake | undefined;

  /** `opened` gives the store, or throws while the log is not open. */
  constructor(name: string, wire: Wire, opened: () => SqliteStore, options: SqliteListOptions, intake?: Intake) {
    super(name, wire, opened, options.leaseMs);
    this.#options = options;
    this.#intake = intake;
  }

  /** Cuts chunks of at most the limits and commits them all at once, synced to disk; how many. */
  append(records: readonly Uint8Array[]): number {
    return this.store.append(this.name, cut(records, this.#options));
  }

  /** Without an intake there is nothing to claim: `append` makes the chunks. */
  async claim(): Promise<{ claimed: number; left: number }> {
    return this.#intake?.claim(this.name, this.store) ?? { claimed: 0, left: 0 };
  }

  async addLetters(sink: string, letters: readonly NewLetter[]): Promise<string[]> {
    return this.store.writeLetters(this.name, sink, letters);
  }

  async letters(sink: string): Promise<{ records: number; bytes: number }> {
    return this.store.countLetters(this.name, sink);
  }

  async readLetters(after: string | null, limit: number): Promise<DeadLetter[]> {
    return this.store.readLetters(this.name, Number(after ?? 0), limit);
  }

  async listLetters(after: string | null, limit: number): Promise<LetterHead[]> {
    return this.store.listLetters(this.name, Number(after ?? 0), limit);
  }

  async getLetters(ids: readonly string[]): Promise<DeadLetter[]> {
    return this.store.getLetters(this.name, ids.map(Number));
  }

  async replaceLetters(letters: readonly { id: string; reason: string }[]): Promise<string[]> {
    return this.store.replaceLetters(this.name, letters);
  }

  async peek(sink: string, records: number): Promise<Peeked[]> {
    const waiting = this.store.unread(this.name, sink, 0, PEEKED_CHUNKS);
    const chunks = waiting.length > 0 ? waiting : this.store.newest(this.name);
    const peeked: Peeked[] = [];
    for (const { id, records: count } of chunks) {
      const [chunk, ends] = [`${id}.${this.store.nonce}`, this.store.ends(id)];
      for (let index = 0; index < count && peeked.length < records && ends !== null; index++) {
        const start = index === 0 ? 0 : ends[index - 1]!;
        const raw = this.store.data(id, start, ends[index]! - start);
        if (raw !== null) peeked.push({ chunk, index, raw });
      }
    }
    return peeked;
  }

  async dropLetters(ids: readonly string[]): Promise<number> {
    return this.store.dropLetters(this.name, ids.map(Number));
  }

  protected override get live(): number {
    return this.#intake?.left(this.name) ?? 0;
  }
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import { LOG_ERROR_CODES, LogError } from "./errors.ts";
import type { DeadLetter, ListLog, NewLetter, Spools } from "./log.ts";
import { SPOOL_FILE, SpoolStore } from "./spool-store.ts";
import { SqliteChunks } from "./sqlite-chunks.ts";

export interface SpoolConfig {
  /** Holds `spool.db`; made if it is not there. */
  folder: string;
  /** Of the file; 0: as large as the disk has room for. */
  maxBytes: number;
}

const PAGE_BYTES = 16 * 1024;

/** The disk of this instance, for chunks that Redis has no room for. */
export interface Spool {
  /** Opens the file. Throws SLUICE_LOG_LOCKED when another process has it. */
  open(): void;
  close(): void;
  /** Whether there is a file. */
  readonly exists: boolean;
  /** The chunks of this list that are here; their dead letters are kept with the list's own. */
  list(home: ListLog, leaseMs: number): SpoolList;
  /** Throws LogError while it is not open. */
  readonly store: SpoolStore;
  /** For the other instances: records of a sink, here and in spools that were moved in here. */
  published(sink: string): Spools;
}

export function openSpool({ folder, maxBytes }: SpoolConfig): Spool {
  let store: SpoolStore | null = null;
  const opened = () => {
    if (store !== null) return store;
    throw new LogError(LOG_ERROR_CODES.unavailable, `The spool in ${folder} is not open.`);
  };
  return {
    open() {
      store ??= new SpoolStore(folder, maxBytes === 0 ? undefined : Math.ceil(maxBytes / PAGE_BYTES));
    },
    close() {
      store?.close();
      store = null;
    },
    get exists() {
      return existsSync(join(folder, SPOOL_FILE));
    },
    list: (home, leaseMs) => new SpoolList(home, opened, leaseMs),
    get store() {
      return opened();
    },
    published(sink) {
      if (store === null) return {};
      const gone = store.absorbed().map((id): [string, number] => [id, 0]);
      return { ...Object.fromEntries(gone), [store.nonce]: store.count(sink).records };
    },
  };
}

export class SpoolList extends SqliteChunks<SpoolStore> implements ListLog {
  readonly #home: ListLog;

  constructor(home: ListLog, opened: () => SpoolStore, leaseMs: number) {
    super(home.name, home.wire, opened, leaseMs);
    this.#home = home;
  }

  /** Delivered after all, by a call that was under way when the chunk was moved here. */
  async delivered(sink: string, chunk: string): Promise<void> {
    const id = this.store.find(this.name, sink, chunk);
    if (id !== null) await this.ack(sink, [{ entry: String(id) }]);
  }

  /** Chunks come by `store.add` alone. */
  async claim(): Promise<{ claimed: number; left: number }> {
    return { claimed: 0, left: 0 };
  }

  addLetters(sink: string, letters: readonly NewLetter[]): Promise<string[]> {
    return this.#home.addLetters(sink, letters);
  }

  letters(sink: string): Promise<{ records: number; bytes: number }> {
    return this.#home.letters(sink);
  }

  /** They are the list's own. */
  async readLetters(): Promise<DeadLetter[]> {
    return [];
  }

  dropLetters(ids: readonly string[]): Promise<number> {
    return this.#home.dropLetters(ids);
  }
}

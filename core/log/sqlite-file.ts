import type { Statement } from "better-sqlite3";
import { type Db, naming, openFile, type Schema } from "./sqlite-schema.ts";

/** Pages given back to the file system in one sweep. */
const VACUUM_PAGES = 2000;

/** A file of this process alone with a table of chunks. Throws LogError. */
export class SqliteFile {
  readonly file: string;
  /** Tells its chunks from those of any other file. */
  readonly nonce: string;
  readonly #db: Db;
  readonly #statements = new Map<string, Statement<unknown[]>>();

  /** `maxPages`: of 16 KiB, at most; as many as the disk has room for. */
  constructor(folder: string, schema: Schema, maxPages?: number) {
    const { db, file, nonce } = openFile(folder, schema);
    if (maxPages !== undefined) db.pragma(`max_page_count = ${maxPages}`);
    this.#db = db;
    this.file = file;
    this.nonce = nonce;
    this.#sync("NORMAL");
  }

  /** The end of each record; null: no such chunk. */
  ends(id: number): Uint32Array | null {
    const blob = this.naming(() => this.sql("SELECT ends FROM chunk WHERE id = ?").pluck().get(id));
    return blob === undefined ? null : new Uint32Array(Uint8Array.from(blob as Buffer).buffer);
  }

  data(id: number, start: number, bytes: number): Buffer | null {
    const select = this.sql("SELECT substr(data, ?, ?) FROM chunk WHERE id = ?").pluck();
    return (this.naming(() => select.get(start + 1, bytes, id)) as Buffer | undefined) ?? null;
  }

  close(): void {
    this.#db.close();
  }

  /**
   * Synced before it returns. The rest need not be: a mark that a power cut undoes is a redelivery, and the write-ahead
   * log is replayed in order, so that no mark can outlive the letter or the chunk before it.
   */
  protected durably<T>(work: () => T): T {
    this.#sync("FULL");
    try {
      return this.transaction(work);
    } finally {
      this.#sync("NORMAL");
    }
  }

  protected transaction<T>(work: () => T): T {
    return this.naming(() => this.#db.transaction(work).immediate());
  }

  protected naming<T>(work: () => T): T {
    return naming(this.file, work);
  }

  /** Gives free pages back to the file system. */
  protected shrink(): void {
    this.naming(() => this.#db.pragma(`incremental_vacuum(${VACUUM_PAGES})`));
  }

  protected sql(text: string): Statement<unknown[]> {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  #sync(level: "FULL" | "NORMAL"): void {
    this.#db.pragma(`synchronous = ${level}`);
  }
}

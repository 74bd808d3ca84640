import type { Cut } from "./cut.ts";
import { SqliteFile } from "./sqlite-file.ts";
import type { Schema } from "./sqlite-schema.ts";

/** A chunk on its way to the spool, under the name that it had. */
export interface SpooledChunk extends Cut {
  name: string;
  /** When it was claimed, ms since 1970. */
  at: number;
}

export interface Spooled {
  chunks: number;
  records: number;
  bytes: number;
}

const NOTHING: Spooled = { chunks: 0, records: 0, bytes: 0 };

export const SPOOL_FILE = "spool.db";

const SCHEMA: Schema = {
  name: SPOOL_FILE,
  version: 1,
  prepare: (db) =>
    db.exec(`
-- One row a sink that needs it. ends: 32-bit words, the end of each record in data. AUTOINCREMENT: an id is never used twice.
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY AUTOINCREMENT, list TEXT NOT NULL, sink TEXT NOT NULL, name TEXT NOT NULL,
  records INTEGER NOT NULL, bytes INTEGER NOT NULL, at INTEGER NOT NULL, ends BLOB NOT NULL, data BLOB NOT NULL,
  UNIQUE (list, sink, name));
CREATE INDEX chunk_of_sink ON chunk (sink, list, id, records, bytes, at);
`),
};

/** Chunks that were moved out of Redis, each for one sink. Each method is one transaction. Throws LogError. */
export class SpoolStore extends SqliteFile {
  /** All may have been delivered before, to anybody. */
  readonly oldUpTo = Number.POSITIVE_INFINITY;

  /** `maxPages`: of 16 KiB, at most; as many as the disk has room for. */
  constructor(folder: string, maxPages?: number) {
    super(folder, SCHEMA, maxPages);
  }

  /** Synced to disk when it returns, all or none. What is there already is not changed. */
  add(list: string, sink: string, chunks: readonly SpooledChunk[]): void {
    const insert = this.sql(
      "INSERT OR IGNORE INTO chunk (list, sink, name, records, bytes, at, ends, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.durably(() => {
      for (const { name, at, ends, data } of chunks) {
        const words = Buffer.from(ends.buffer, ends.byteOffset, ends.byteLength);
        insert.run(list, sink, name, ends.length, data.length, at, words, data);
      }
    });
  }

  /** Null: no such chunk waits for the sink. */
  find(list: string, sink: string, name: string): number | null {
    const select = this.sql("SELECT id FROM chunk WHERE list = ? AND sink = ? AND name = ?").pluck();
    return (this.naming(() => select.get(list, sink, name)) as number | undefined) ?? null;
  }

  unread(list: string, sink: string, after: number, limit: number): { id: number; records: number; name: string }[] {
    const select = this.sql(
      "SELECT id, records, name FROM chunk WHERE sink = ? AND list = ? AND id > ? ORDER BY id LIMIT ?",
    );
    return this.naming(() => select.all(sink, list, after, limit)) as { id: number; records: number; name: string }[];
  }

  markDone(sink: string, ids: readonly number[]): number {
    const remove = this.sql("DELETE FROM chunk WHERE id = ? AND sink = ?");
    return this.transaction(() => ids.reduce((sum, id) => sum + remove.run(id, sink).changes, 0));
  }

  /** They went when they were done; only their room is left. */
  deleteDone(): number {
    this.shrink();
    return 0;
  }

  backlog(list: string, sink: string): { chunks: number; records: number; oldest: number | null } {
    const select = this.sql(
      "SELECT count(*) AS chunks, ifnull(sum(records), 0) AS records, min(at) AS oldest FROM chunk WHERE sink = ? AND list = ?",
    );
    return this.naming(() => select.get(sink, list)) as { chunks: number; records: number; oldest: number | null };
  }

  /** What waits for each sink. */
  counts(): Map<string, Spooled> {
    const select = this.sql(
      "SELECT sink, count(*) AS chunks, sum(records) AS records, sum(bytes) AS bytes FROM chunk GROUP BY sink",
    );
    const rows = this.naming(() => select.all()) as ({ sink: string } & Spooled)[];
    return new Map(rows.map(({ sink, ...spooled }) => [sink, spooled]));
  }

  count(sink: string): Spooled {
    return this.counts().get(sink) ?? NOTHING;
  }

  renameSink(from: string, to: string): void {
    this.transaction(() => {
      // What both had is there once.
      this.sql("UPDATE OR IGNORE chunk SET sink = ? WHERE sink = ?").run(to, from);
      this.sql("DELETE FROM chunk WHERE sink = ?").run(from);
    });
  }

  /** Deletes what waits for a sink. */
  forgetSink(name: string): void {
    this.transaction(() => this.sql("DELETE FROM chunk WHERE sink = ?").run(name));
  }

  /** Spools that were moved into this one: whoever publishes their counts is gone. */
  absorbed(): string[] {
    const select = this.sql("SELECT substr(name, 10) FROM meta WHERE name LIKE 'absorbed:%'").pluck();
    return this.naming(() => select.all()) as string[];
  }

  /** Moves all of another spool into this one, chunk by chunk: each is in one of them at any time. How many records. */
  absorb(other: SpoolStore): Spooled {
    let { chunks, records, bytes } = NOTHING;
    const first = other.sql("SELECT id, list, sink, name, at, ends, data FROM chunk ORDER BY id LIMIT 1");
    const note = this.sql("INSERT OR REPLACE INTO meta VALUES ('absorbed:' || ?, '')");
    this.transaction(() => note.run(other.nonce));
    for (;;) {
      const row = other.naming(() => first.get()) as
        | { id: number; list: string; sink: string; name: string; at: number; ends: Buffer; data: Buffer }
        | undefined;
      if (row === undefined) break;
      const ends = new Uint32Array(Uint8Array.from(row.ends).buffer);
      this.add(row.list, row.sink, [{ name: row.name, at: row.at, ends, data: row.data }]);
      other.markDone(row.sink, [row.id]);
      chunks++;
      records += ends.length;
      bytes += row.data.length;
    }
    other.shrink();
    return { chunks, records, bytes };
  }
}

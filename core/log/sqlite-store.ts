import type { Kind } from "@sluice/sdk";
import type { Cut } from "./cut.ts";
import type { DeadLetter, LetterHead, NewLetter, SinkEntry } from "./log.ts";
import { SqliteFile } from "./sqlite-file.ts";
import { LOG_SCHEMA } from "./sqlite-schema.ts";

/** Which of the lists that were taken from Redis is being copied, and how many of its records are here. */
export interface IntakeState {
  seq: number;
  copied: number;
}

/** Columns of a letter. */
const HEAD = `CAST(letter.id AS TEXT) AS id, sink, chunk, position AS "index", reason, at`;

/** The tables and their statements; each method is one transaction. Throws LogError. */
export class SqliteStore extends SqliteFile {
  /** Chunks up to this id are older than this process: they may have been delivered before. */
  readonly oldUpTo: number;

  constructor(folder: string, maxPages?: number) {
    super(folder, LOG_SCHEMA, maxPages);
    this.oldUpTo = this.sql("SELECT ifnull(max(id), 0) FROM chunk").pluck().get() as number;
  }

  /** `intake`: how far the list is copied then. */
  append(list: string, cuts: readonly Cut[], intake?: IntakeState): number {
    if (cuts.length === 0) return 0;
    const insert = this.sql("INSERT INTO chunk (list, records, bytes, at, ends, data) VALUES (?, ?, ?, ?, ?, ?)");
    const at = Date.now();
    return this.durably(() => {
      for (const { ends, data } of cuts) {
        insert.run(
          list,
          ends.length,
          data.length,
          at,
          Buffer.from(ends.buffer, ends.byteOffset, ends.byteLength),
          data,
        );
      }
      if (intake !== undefined) this.#writeIntake(list, intake);
      return cuts.length;
    });
  }

  intake(list: string): IntakeState {
    const select = this.sql("SELECT seq, copied FROM intake WHERE list = ?");
    return (this.naming(() => select.get(list)) as IntakeState | undefined) ?? { seq: 0, copied: 0 };
  }

  setIntake(list: string, state: IntakeState): void {
    this.transaction(() => this.#writeIntake(list, state));
  }

  #writeIntake(list: string, { seq, copied }: IntakeState): void {
    this.sql("INSERT OR REPLACE INTO intake VALUES (?, ?, ?)").run(list, seq, copied);
  }

  unread(list: string, sink: string, after: number, limit: number): { id: number; records: number }[] {
    const select = this.sql(
      `SELECT id, records FROM chunk WHERE list = ? AND id > ?
       AND NOT EXISTS (SELECT 1 FROM done WHERE chunk = id AND sink = ?) ORDER BY id LIMIT ?`,
    );
    return this.naming(() => select.all(list, after, sink, limit)) as { id: number; records: number }[];
  }

  /** The chunk that came last, if it is still there. */
  newest(list: string): { id: number; records: number }[] {
    const select = this.sql("SELECT id, records FROM chunk WHERE list = ? ORDER BY id DESC LIMIT 1");
    return this.naming(() => select.all(list)) as { id: number; records: number }[];
  }

  /** How many were not done before. */
  markDone(sink: string, ids: readonly number[]): number {
    // Only what is there: a mark of a deleted chunk would stay for ever.
    const insert = this.sql("INSERT OR IGNORE INTO done SELECT id, ? FROM chunk WHERE id = ?");
    return this.transaction(() => ids.reduce((sum, id) => sum + insert.run(sink, id).changes, 0));
  }

  /** Deletes what all registered sinks of this kind are done with, of these chunks or (null) of all of the list. */
  deleteDone(list: string, kind: Kind, candidates: ReadonlySet<number> | null): number {
    const count = this.sql("SELECT count(*) FROM sink WHERE reads = ?").pluck();
    const sinks = this.naming(() => count.get(kind)) as number;
    if (sinks === 0 || candidates?.size === 0) return 0;
    const rule = `(SELECT count(*) FROM done JOIN sink ON sink.name = done.sink AND sink.reads = ?
      WHERE done.chunk = chunk.id) = ?`;
    const ids =
      candidates === null
        ? (this.naming(() =>
            this.sql(`SELECT id FROM chunk WHERE list = ? AND ${rule}`).pluck().all(list, kind, sinks),
          ) as number[])
        : [...candidates];
    const deleteChunk = this.sql(`DELETE FROM chunk WHERE id = ? AND ${rule}`);
    const deleteMarks = this.sql("DELETE FROM done WHERE chunk = ?");
    const swept = this.transaction(() => {
      let n = 0;
      for (const id of ids) {
        if (deleteChunk.run(id, kind, sinks).changes === 0) continue;
        deleteMarks.run(id);
        n++;
      }
      return n;
    });
    if (swept > 0) this.shrink();
    return swept;
  }

  backlog(list: string, sink: string): { chunks: number; records: number; oldest: number | null } {
    const select = this.sql(
      `SELECT count(*) AS chunks, ifnull(sum(records), 0) AS records, min(at) AS oldest FROM chunk WHERE list = ?
       AND NOT EXISTS (SELECT 1 FROM done WHERE chunk = id AND sink = ?)`,
    );
    return this.naming(() => select.get(list, sink)) as { chunks: number; records: number; oldest: number | null };
  }

  usage(): { bytes: number; records: number } {
    const select = this.sql("SELECT ifnull(sum(bytes), 0) AS bytes, ifnull(sum(records), 0) AS records FROM chunk");
    return this.naming(() => select.get()) as { bytes: number; records: number };
  }

  writeSinks(sinks: readonly SinkEntry[]): void {
    const insert = this.sql("INSERT OR REPLACE INTO sink (name, fingerprint, seen, reads) VALUES (?, ?, ?, ?)");
    const now = Date.now();
    this.transaction(() => {
      for (const { name, fingerprint, reads = "analytics" } of sinks) insert.run(name, fingerprint, now, reads);
    });
  }

  sinks(): (SinkEntry & { seen: number })[] {
    const select = this.sql("SELECT name, fingerprint, seen, reads FROM sink");
    return this.naming(() => select.all()) as (SinkEntry & { seen: number })[];
  }

  forgetSink(name: string): void {
    this.transaction(() => {
      this.sql("DELETE FROM sink WHERE name = ?").run(name);
      this.sql("DELETE FROM done WHERE sink = ?").run(name);
    });
  }

  /** False: there is no such sink, or one of the new name. */
  renameSink(from: string, to: string): boolean {
    const there = this.sql("SELECT count(*) FROM sink WHERE name = ?").pluck();
    return this.transaction(() => {
      if (there.get(from) !== 1 || there.get(to) !== 0) return false;
      // What a sink of the new name was once done with says nothing of this one.
      this.sql("DELETE FROM done WHERE sink = ?").run(to);
      for (const [table, column] of [
        ["sink", "name"],
        ["done", "sink"],
      ]) {
        this.sql(`UPDATE ${table} SET ${column} = ? WHERE ${column} = ?`).run(to, from);
      }
      return true;
    });
  }

  /** A letter written twice stays one. Answers the ids. */
  writeLetters(list: string, sink: string, letters: readonly NewLetter[]): string[] {
    if (letters.length === 0) return [];
    const insert = this.sql(
      `INSERT OR IGNORE INTO letter (list, sink, chunk, position, reason, at, raw) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    const select = this.sql(
      "SELECT CAST(id AS TEXT) FROM letter WHERE list = ? AND sink = ? AND chunk = ? AND position = ?",
    ).pluck();
    const at = Date.now();
    return this.durably(() =>
      letters.map(({ chunk, index, reason, raw }) => {
        insert.run(list, sink, chunk, index, reason, at, raw);
        return select.get(list, sink, chunk, index) as string;
      }),
    );
  }

  countLetters(list: string, sink: string): { records: number; bytes: number } {
    const select = this.sql(
      "SELECT count(*) AS records, ifnull(sum(length(raw)), 0) AS bytes FROM letter WHERE list = ? AND sink = ?",
    );
    return this.naming(() => select.get(list, sink)) as { records: number; bytes: number };
  }

  readLetters(list: string, after: number, limit: number): DeadLetter[] {
    const select = this.sql(
      `SELECT ${HEAD}, raw FROM letter WHERE list = ? AND letter.id > ? ORDER BY letter.id LIMIT ?`,
    );
    return this.naming(() => select.all(list, after, limit)) as DeadLetter[];
  }

  listLetters(list: string, after: number, limit: number): LetterHead[] {
    const select = this.sql(
      `SELECT ${HEAD}, length(raw) AS bytes FROM letter WHERE list = ? AND letter.id > ? ORDER BY letter.id LIMIT ?`,
    );
    return this.naming(() => select.all(list, after, limit)) as LetterHead[];
  }

  getLetters(list: string, ids: readonly number[]): DeadLetter[] {
    const select = this.sql(`SELECT ${HEAD}, raw FROM letter WHERE list = ? AND letter.id = ?`);
    return this.naming(() => ids.flatMap((id) => select.all(list, id))) as DeadLetter[];
  }

  /** The id is a new one: who knows the old one does not know what became of it since. */
  replaceLetters(list: string, letters: readonly { id: string; reason: string }[]): string[] {
    const insert = this.sql(
      `INSERT OR REPLACE INTO letter (list, sink, chunk, position, reason, at, raw)
       SELECT list, sink, chunk, position, ?, ?, raw FROM letter WHERE list = ? AND id = ?`,
    );
    const at = Date.now();
    return this.durably(() =>
      letters.map(({ id, reason }) => {
        const { changes, lastInsertRowid } = insert.run(reason, at, list, Number(id));
        return changes === 0 ? "" : String(lastInsertRowid);
      }),
    );
  }

  dropLetters(list: string, ids: readonly number[]): number {
    const remove = this.sql("DELETE FROM letter WHERE list = ? AND id = ?");
    return this.transaction(() => ids.reduce((sum, id) => sum + remove.run(list, id).changes, 0));
  }
}

import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { LOG_ERROR_CODES, LogError } from "./errors.ts";

export type Db = Database.Database;

/** Large: a chunk's blob is about a megabyte. */
const PAGE_BYTES = 16 * 1024;
/** The write-ahead log is cut back to this after a burst. */
const WAL_BYTES = 64 * 1024 * 1024;

/** What a file has in it. */
export interface Schema {
  /** Of the file in its folder. */
  name: string;
  version: number;
  /** Makes its tables, or brings those of an earlier version (0: none) up to date. */
  prepare(db: Db, from: number): void;
}

const INTAKE =
  "CREATE TABLE intake (list TEXT PRIMARY KEY, seq INTEGER NOT NULL, copied INTEGER NOT NULL) WITHOUT ROWID;";
const SCHEMA = `
-- ends: 32-bit words, the end of each record in data. AUTOINCREMENT: an id is never used twice.
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY AUTOINCREMENT, list TEXT NOT NULL, records INTEGER NOT NULL, bytes INTEGER NOT NULL,
  at INTEGER NOT NULL, ends BLOB NOT NULL, data BLOB NOT NULL);
CREATE INDEX chunk_of_list ON chunk (list, id, records, bytes, at);
CREATE TABLE sink (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, seen INTEGER NOT NULL,
  reads TEXT NOT NULL DEFAULT 'analytics') WITHOUT ROWID;
${INTAKE}
CREATE TABLE done (chunk INTEGER NOT NULL, sink TEXT NOT NULL, PRIMARY KEY (chunk, sink)) WITHOUT ROWID;
CREATE TABLE letter (
  id INTEGER PRIMARY KEY AUTOINCREMENT, list TEXT NOT NULL, sink TEXT NOT NULL, chunk TEXT NOT NULL,
  position INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, raw BLOB NOT NULL,
  UNIQUE (list, sink, chunk, position));
`;

export const LOG_SCHEMA: Schema = {
  name: "log.db",
  version: 3,
  prepare(db, from) {
    if (from === 0) db.exec(SCHEMA);
    if (from > 0 && from < 3) db.exec(INTAKE);
    if (from === 1) db.exec("ALTER TABLE sink ADD COLUMN reads TEXT NOT NULL DEFAULT 'analytics'");
  },
};

/** Opens or makes the file, for this process alone. `nonce` tells its chunks from those of any other file. */
export function openFile(folder: string, schema: Schema): { db: Db; file: string; nonce: string } {
  const file = join(folder, schema.name);
  return naming(file, () => {
    mkdirSync(folder, { recursive: true });
    const db = new Database(file, { timeout: 0 });
    try {
      // Before anything is written, or they have no effect.
      db.pragma(`page_size = ${PAGE_BYTES}`);
      db.pragma("auto_vacuum = INCREMENTAL");
      // Exclusive before the first access in WAL mode: the lock is held until the end, and no shared memory file is made.
      db.pragma("locking_mode = EXCLUSIVE");
      db.pragma("journal_mode = WAL");
      db.pragma(`journal_size_limit = ${WAL_BYTES}`);
      const nonce = db.transaction(() => prepareSchema(db, file, schema)).exclusive();
      return { db, file, nonce };
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function prepareSchema(db: Db, file: string, schema: Schema): string {
  const version = db.pragma("user_version", { simple: true }) as number;
  if (version > schema.version) {
    throw new LogError(
      LOG_ERROR_CODES.damaged,
      `The log ${file} was written by a later version of Sluice; run that one, or move the file away.`,
    );
  }
  if (version === 0) {
    db.exec("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    db.prepare("INSERT INTO meta VALUES ('nonce', ?)").run(randomBytes(9).toString("base64url"));
  }
  if (version < schema.version) {
    schema.prepare(db, version);
    db.pragma(`user_version = ${schema.version}`);
  }
  return db.prepare("SELECT value FROM meta WHERE name = 'nonce'").pluck().get() as string;
}

/** SQLite's result code -> ours, and what mends it. */
const FAULTS: readonly [code: RegExp, ours: LogError["code"], mend: string][] = [
  [/^SQLITE_(BUSY|LOCKED)/, LOG_ERROR_CODES.locked, "is in use by another process; stop it or choose another folder."],
  [
    /^SQLITE_FULL/,
    LOG_ERROR_CODES.full,
    "cannot grow: its disk is full, or it is as large as it may be. Make room; nothing kept is lost.",
  ],
  [/^SQLITE_(CORRUPT|NOTADB)/, LOG_ERROR_CODES.damaged, "is damaged or no log; move it away to begin a new one."],
  [
    /^SQLITE_(CANTOPEN|READONLY|PERM|IOERR)/,
    LOG_ERROR_CODES.unavailable,
    "cannot be read or written; check its folder, its owner and its disk.",
  ],
];

/** Runs `work`, with SQLite's errors made ours: they name the file and the mend. */
export function naming<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof LogError) throw error;
    const code = (error as { code?: unknown }).code;
    const text = typeof code === "string" ? code : "";
    const known = FAULTS.find(([word]) => word.test(text));
    if (known !== undefined) throw new LogError(known[1], `The log ${file} ${known[2]} (${text})`, error);
    if (text === "EACCES" || text === "ENOTDIR" || text === "EEXIST" || text === "ENOSPC" || text === "EROFS") {
      throw new LogError(
        LOG_ERROR_CODES.unavailable,
        `The folder of the log ${file} cannot be made: start where this user may write, or set sluice.log.folder.`,
        error,
      );
    }
    throw error;
  }
}

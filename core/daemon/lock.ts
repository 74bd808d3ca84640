import { existsSync } from "node:fs";
import Database from "better-sqlite3";
import { DAEMON_ERROR_CODES, DaemonError } from "./errors.ts";

/** Somebody who only looks holds the lock for an instant: that must not refuse a start. */
const LOOKING_MS = 1000;

/**
 * Holds the lock until the process ends, however it ends; null: another process holds it. It is the system's own lock on a
 * file, by way of SQLite, since Node has no such call. The file stays behind and says nothing: whether somebody holds the lock does.
 * Throws DaemonError where the file cannot be used.
 */
export function holdLock(file: string): (() => void) | null {
  return tryLock(file, LOOKING_MS);
}

/** Whether a process holds the lock now. */
export function isLocked(file: string): boolean {
  if (!existsSync(file)) return false;
  const release = tryLock(file, 0);
  release?.();
  return release === null;
}

function tryLock(file: string, timeout: number): (() => void) | null {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { timeout });
    // Without a second file beside it.
    db.pragma("journal_mode = MEMORY");
    // Of an empty file: this writes nothing, and works on a disk that is full.
    db.exec("BEGIN EXCLUSIVE");
    const held = db;
    return () => held.close();
  } catch (cause) {
    db?.close();
    if (/^SQLITE_(BUSY|LOCKED)/.test((cause as { code?: string }).code ?? "")) return null;
    const message = `The lock ${file} cannot be used: remove that file, or set SLUICE_RUN_DIR to a folder that this user can write.`;
    throw new DaemonError(DAEMON_ERROR_CODES.files, message, { cause });
  }
}

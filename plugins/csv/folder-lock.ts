import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { type Call, Retryable } from "@sluice/sdk";
import { makeFolder } from "./make-folder.ts";

const NAME = ".sluice-csv.lock";
const SQLITE_BUSY = 5;

/**
 * One writer at a time in a folder, among threads, processes and containers of one machine. Node has no lock of its own; an
 * empty SQLite database lends its: the kernel frees it when the process dies, however that comes.
 */
export class FolderLock {
  readonly #folder: string;
  readonly #path: string;
  #held: { db: DatabaseSync; inode: number; begin: StatementSync; end: StatementSync } | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, NAME);
  }

  /** Makes the folder and opens the lock. Throws the file system's error. */
  open(): void {
    this.close();
    makeFolder(this.#folder);
    // SQLite's own errors do not say why. (The file itself must not be opened: closing it would free another thread's lock.)
    accessSync(this.#folder, constants.W_OK | constants.X_OK);
    const db = new DatabaseSync(this.#path, { timeout: 0 });
    const inode = statSync(this.#path).ino;
    this.#held = { db, inode, begin: db.prepare("BEGIN IMMEDIATE"), end: db.prepare("ROLLBACK") };
  }

  /** Waits for the lock, at most until the call's deadline: Retryable then. */
  async take(call: Pick<Call, "deadline" | "signal">): Promise<void> {
    for (let wait = 1; ; wait = Math.min(2 * wait, 20)) {
      if (this.#tryTake()) return;
      if (call.signal.aborted || Date.now() + wait > call.deadline) {
        throw new Retryable(
          `Another writer has held ${this.#path} all the time that this call had: look for a stopped process with that file open`,
        );
      }
      await sleep(wait * (0.5 + Math.random()));
    }
  }

  release(): void {
    this.#held?.end.run();
  }

  close(): void {
    this.#held?.db.close();
    this.#held = null;
  }

  #tryTake(): boolean {
    // Whoever removed the folder removed the lock: others would no longer see it.
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    if (this.#held === null || inode !== this.#held.inode) this.open();
    try {
      this.#held!.begin.run();
      return true;
    } catch (error) {
      if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
      throw error;
    }
  }
}

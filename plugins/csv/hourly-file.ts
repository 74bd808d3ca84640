import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Call, Log } from "@sluice/sdk";
import { sinkError } from "./errors.ts";
import { fileName } from "./file-name.ts";
import { FolderLock } from "./folder-lock.ts";
import { lastRowEnd } from "./last-row.ts";

const LF = 10;
const NEWLINE = Buffer.of(LF);

/**
 * Appends whole rows to the file of the hour. Whoever appends holds the folder's lock, and makes sure first that the file ends with
 * a row: what a writer that died left of its last row is cut off, and so is what a failed append of one's own left
 * (docs/decisions/0004-csv-torn-rows.md).
 */
export class HourlyFile {
  readonly #folder: string;
  readonly #header: Buffer;
  readonly #log: Log;
  readonly #lock: FolderLock;
  /** The append before this one. */
  #last: Promise<void> = Promise.resolve();
  /** How the last append left its file. If it still has this size, it ends with a row. */
  #left = { inode: -1, size: -1 };

  constructor(folder: string, header: Buffer, log: Log) {
    this.#folder = folder;
    this.#header = header;
    this.#log = log;
    this.#lock = new FolderLock(folder);
  }

  /** Makes the folder. Throws Retryable or Fatal, as `append` does. */
  prepare(): void {
    try {
      this.#lock.open();
    } catch (error) {
      throw sinkError(error, this.#folder);
    }
  }

  /** One after the other, in the order of the calls. Resolves when all of `rows` is in the file; throws Retryable or Fatal. */
  append(rows: Uint8Array, call: Pick<Call, "deadline" | "signal">): Promise<void> {
    const append = this.#last.then(() => this.#append(rows, call));
    this.#last = append.catch(() => {});
    return append;
  }

  close(): void {
    this.#lock.close();
  }

  async #append(rows: Uint8Array, call: Pick<Call, "deadline" | "signal">): Promise<void> {
    try {
      await this.#lock.take(call);
      try {
        await this.#appendLocked(join(this.#folder, fileName(new Date())), rows);
      } finally {
        this.#lock.release();
      }
    } catch (error) {
      throw sinkError(error, this.#folder);
    }
  }

  async #appendLocked(path: string, rows: Uint8Array): Promise<void> {
    const file = await open(path, "a+");
    try {
      const { ino: inode, size } = await file.stat();
      const clean = size === 0 || (inode === this.#left.inode && size === this.#left.size);
      this.#left = { inode: -1, size: -1 };
      const { end, before } = clean ? { end: size, before: [] } : await this.#mend(file, path, size);
      const parts = [...(end === 0 ? [this.#header] : before), rows];
      await writeWhole(file, parts, end);
      this.#left = { inode, size: end + parts.reduce((sum, part) => sum + part.length, 0) };
    } finally {
      await file.close();
    }
  }

  /** Cuts off a row that was begun and never ended. Where the file ends then, and what must come ahead of the next row. */
  async #mend(file: FileHandle, path: string, size: number): Promise<{ end: number; before: Uint8Array[] }> {
    const read = async (at: number, length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
      return buffer.subarray(0, bytesRead);
    };
    const end = await lastRowEnd(size, read);
    if (end === null) {
      // Written by something else, which may mean it so: nothing is cut, but the next row gets a line of its own.
      this.#log.warn(`${path} holds lines that are not rows of this sink; they are left as they are`);
      const [last] = await read(size - 1, 1);
      return { end: size, before: last === LF ? [] : [NEWLINE] };
    }
    if (end < size) {
      const now = (await file.stat()).size;
      // Something that ignores the lock writes too, and may just be about to end its row.
      if (now !== size) return this.#mend(file, path, now);
      await file.truncate(end);
      this.#log.warn(`${size - end} bytes of a row that its writer did not live to end were cut off ${path}`);
    }
    return { end, before: [] };
  }
}

/** One request to the system, unless that takes only a part. After a failure the file is cut back to `start`. */
async function writeWhole(file: FileHandle, parts: Uint8Array[], start: number): Promise<void> {
  let left = parts;
  let written = 0;
  try {
    while (left.length > 0) {
      const { bytesWritten } = await file.writev(left);
      written += bytesWritten;
      left = rest(left, bytesWritten);
    }
  } catch (error) {
    // Not if something else that ignores the lock has written meanwhile: the next append mends what is left.
    if ((await file.stat()).size === start + written) await file.truncate(start);
    throw error;
  }
}

/** What is left of the parts after so many bytes. */
function rest(parts: Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  return parts.flatMap((part) => {
    const kept = part.subarray(Math.min(skip, part.length));
    skip -= part.length - kept.length;
    return kept.length > 0 ? [kept] : [];
  });
}

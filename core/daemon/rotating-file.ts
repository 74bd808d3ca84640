import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** What is kept in memory while the file cannot be written. */
const WAITING_BYTES = 2 ** 20;
const RETRY_MS = 1000;
/** What is written more when the files cannot be renamed, until that is tried again: a share of the limit. */
const POSTPONED = 0.1;

export interface RotatingFileOptions {
  /** Older ones are `<file>.1` and so on. */
  file: string;
  /** A file that would grow beyond is rotated. One write is never cut. */
  bytes: number;
  /** With the one that is written; at least 2. */
  files: number;
  /** Told once when writing fails, and once when it works again; `lost`: writes that memory had no room for. */
  onTrouble(error: Error): void;
  onRecovery(lost: number): void;
}

/**
 * A file that is rotated by size, for one writer. Writes are done when they return. It never throws: while the disk is full or
 * the folder gone, up to 1 MiB waits in memory, more is counted, and every second it is tried again, the folder made anew.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #fd: number | null = null;
  #inode = 0;
  #size = 0;
  #rotateAt: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** The first that waits has begun in the file. */
  #torn = false;
  #lost = 0;
  #retry: NodeJS.Timeout | null = null;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
    this.#rotateAt = options.bytes;
  }

  write(lines: string): void {
    const data = Buffer.from(lines);
    if (this.#waitingBytes + data.length > WAITING_BYTES && this.#waiting.length > 0) {
      this.#lost++;
      return;
    }
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    if (this.#retry === null) this.#drain();
  }

  /** Tries once more what waits. */
  close(): void {
    if (this.#retry !== null) this.#drain();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#closeFile();
  }

  #drain(): void {
    try {
      for (let data = this.#waiting[0]; data !== undefined; data = this.#waiting[0]) {
        this.#prepare(data.length);
        const written = writeSync(this.#fd!, data);
        this.#size += written;
        this.#waitingBytes -= written;
        // A disk that is nearly full takes a part: the rest follows in the same file.
        this.#torn = written < data.length;
        if (this.#torn) this.#waiting[0] = data.subarray(written);
        else this.#waiting.shift();
      }
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    if (this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#retry = null;
    const lost = this.#lost;
    this.#lost = 0;
    this.#options.onRecovery(lost);
  }

  #fail(error: Error): void {
    const first = this.#retry === null;
    this.#closeFile();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#drain(), RETRY_MS);
    this.#retry.unref();
    if (first) this.#options.onTrouble(error);
  }

  /** What is open is the file of that name, with room for what comes. */
  #prepare(bytes: number): void {
    if (this.#fd !== null && !this.#torn && !this.#isInPlace()) this.#closeFile();
    if (this.#fd === null) this.#open();
    if (this.#size > 0 && !this.#torn && this.#size + bytes > this.#rotateAt) this.#rotate();
  }

  /** Another tool may have moved it, or its folder may be gone. */
  #isInPlace(): boolean {
    return statSync(this.#options.file, { throwIfNoEntry: false })?.ino === this.#inode;
  }

  #open(): void {
    const { file, bytes } = this.#options;
    mkdirSync(dirname(file), { recursive: true });
    this.#fd = openSync(file, "a", 0o640);
    const { ino, size } = fstatSync(this.#fd);
    this.#inode = ino;
    this.#size = size;
    this.#rotateAt = bytes;
  }

  #rotate(): void {
    const { file, files, bytes } = this.#options;
    try {
      for (let i = files - 1; i > 0; i--) move(i === 1 ? file : `${file}.${i - 1}`, `${file}.${i}`);
    } catch {
      this.#rotateAt = this.#size + bytes * POSTPONED;
      return;
    }
    this.#closeFile();
    this.#open();
  }

  #closeFile(): void {
    if (this.#fd === null) return;
    closeSync(this.#fd);
    this.#fd = null;
  }
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

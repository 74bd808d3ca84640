import { constants, fstatSync, openSync, write } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Call, Fatal, Retryable } from "@sluice/sdk";

const NAMES = { 1: "standard output", 2: "standard error" } as const;
const WAIT_MS = 10;

/**
 * Writes to this process's own file descriptor, past the parent thread. A page is whole lines, and the next one begins only when all of it
 * is written, so lines are never mixed or torn, and what was reported as written has left the process.
 */
export class Output {
  readonly #name: string;
  readonly #socket: Socket | null;
  readonly #fd: number;
  readonly #own: boolean;
  /** A page in writing, that the call which began it may no longer wait for. */
  #writing: Promise<void> | null = null;

  constructor(standard: 1 | 2) {
    this.#name = NAMES[standard];
    const kind = kindOf(standard);
    // A reader that has stopped must hold up this sink and nothing else: no thread of the pool, not the end of the process.
    const own = kind === "fifo" ? reopen(standard) : null;
    this.#fd = own ?? standard;
    this.#own = own !== null;
    this.#socket = kind === "other" ? null : new Socket({ fd: this.#fd, readable: false, writable: true });
    // Errors are told by the write that met them.
    this.#socket?.on("error", () => {});
  }

  /** Resolves when every byte is written. Retryable when nobody reads until the call's deadline, Fatal when nobody can any more. */
  async write(page: Buffer, call: Pick<Call, "signal">): Promise<void> {
    try {
      while (this.#writing) await this.#heeding(this.#writing, call.signal);
      const writing = this.#begin(page).finally(() => {
        this.#writing = null;
      });
      this.#writing = writing;
      // Whoever no longer waits for it does not hear of its failure either; the next write will.
      writing.catch(() => {});
      await this.#heeding(writing, call.signal);
    } catch (error) {
      throw this.#judge(error);
    }
  }

  close(): void {
    if (this.#socket && this.#own) this.#socket.destroy();
  }

  #begin(page: Buffer): Promise<void> {
    const socket = this.#socket;
    if (!socket) return writeWhole(this.#fd, page);
    return new Promise((resolve, reject) => {
      socket.write(page, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** As `work` ends, or when the call's time is over: the work goes on then. */
  async #heeding(work: Promise<void>, signal: AbortSignal): Promise<void> {
    let stop = () => {};
    const over = new Promise<never>((_, reject) => {
      stop = () =>
        reject(new Retryable(`Nobody reads what is written to ${this.#name}; delivery waits for its reader`));
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    });
    try {
      await Promise.race([work, over]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #judge(error: unknown): Error {
    if (error instanceof Retryable) return error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EPIPE" || code === "ECONNRESET" || code === "ERR_STREAM_DESTROYED") {
      const text = `Whatever read ${this.#name} is gone (${code}): start Sluice with a reader, or take this sink out`;
      return new Fatal(text, { cause: error });
    }
    return new Retryable(`Writing to ${this.#name} failed (${code ?? "unknown error"})`, { cause: error });
  }
}

function kindOf(fd: number): "fifo" | "socket" | "other" {
  const stat = fstatSync(fd);
  return stat.isFIFO() ? "fifo" : stat.isSocket() ? "socket" : "other";
}

/** The pipe as a description of its own, that does not block; the shared one may be set to block by others. Null where there is none. */
function reopen(fd: number): number | null {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return null;
  }
}

/** Files and terminals. */
async function writeWhole(fd: number, page: Buffer): Promise<void> {
  for (let at = 0; at < page.length; ) {
    try {
      at += await new Promise<number>((resolve, reject) => {
        write(fd, page, at, (error, written) => (error ? reject(error) : resolve(written)));
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await sleep(WAIT_MS);
    }
  }
}

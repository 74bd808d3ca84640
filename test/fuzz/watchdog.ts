/**
 * Watches from a thread of its own: an input that is never done with holds up the thread that should report it. `begin` before each input,
 * `end` after it; an input that takes longer than `patienceMs` is written to standard error, and the process ends.
 */
import { writeSync } from "node:fs";
import { isMainThread, Worker, workerData } from "node:worker_threads";

/** Counts begins and ends, so that it is odd while an input is under way; then the size of its bytes. */
const [COUNT, SIZE] = [0, 1] as const;
const HEAD = 8;
const MOST_BYTES = 64 * 1024;

interface Shared {
  memory: SharedArrayBuffer;
  patienceMs: number;
  /** What to say before the input. */
  about: string;
}

export class Watchdog {
  readonly #memory = new SharedArrayBuffer(HEAD + MOST_BYTES);
  readonly #words = new Int32Array(this.#memory, 0, 2);
  readonly #bytes = new Uint8Array(this.#memory, HEAD);
  readonly #worker: Worker;

  constructor(about: string, patienceMs: number) {
    const shared: Shared = { memory: this.#memory, patienceMs, about };
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { watchdog: shared } });
    this.#worker.unref();
  }

  begin(input: Uint8Array): void {
    const size = Math.min(input.length, MOST_BYTES);
    this.#bytes.set(input.subarray(0, size));
    this.#words[SIZE] = size;
    Atomics.add(this.#words, COUNT, 1);
  }

  end(): void {
    Atomics.add(this.#words, COUNT, 1);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

function watch({ memory, patienceMs, about }: Shared): never {
  const words = new Int32Array(memory, 0, 2);
  for (;;) {
    const count = Atomics.load(words, COUNT);
    const changed =
      Atomics.wait(words, COUNT, count, patienceMs) !== "timed-out" || Atomics.load(words, COUNT) !== count;
    if (changed || count % 2 === 0) continue;
    const hex = Buffer.from(new Uint8Array(memory, HEAD, words[SIZE])).toString("hex");
    writeSync(2, `${about} is not done with an input after ${patienceMs / 1000} s\ninput (hex): ${hex}\n`);
    process.kill(process.pid, "SIGKILL");
  }
}

const given = (workerData as { watchdog?: Shared } | null)?.watchdog;
if (!isMainThread && given) watch(given);

import type { Log } from "../sink/context.ts";
import type { Clock } from "./clock.ts";
import { sentence } from "./failure.ts";

/** A plugin's periodic work: never overlapping, errors logged, stopped before close. */
export class Periodic {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #cancels = new Set<() => void>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  every(ms: number, task: (signal: AbortSignal) => Promise<void> | void): void {
    if (this.#end.signal.aborted) return;
    const cancel = this.#clock.after(ms, () => {
      this.#cancels.delete(cancel);
      const run = this.#run(task).finally(() => {
        this.#running.delete(run);
        this.every(ms, task);
      });
      this.#running.add(run);
    });
    this.#cancels.add(cancel);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    for (const cancel of this.#cancels) cancel();
    await Promise.all(this.#running);
  }

  async #run(task: (signal: AbortSignal) => Promise<void> | void): Promise<void> {
    try {
      await task(this.#end.signal);
    } catch (error) {
      this.#log.error(`periodic work failed: ${sentence(error)}`);
    }
  }
}

import { backoff, CALL_BACKOFF, LONGEST_AFTER_MS } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { afterOf } from "./failure.ts";
import { type Host, STOPPED } from "./host.ts";

/** Waits that can be cut short. */
export class Sleeper {
  readonly #host: Pick<Host, "clock" | "waiting">;
  readonly #clock: Clock;
  #wakes = new Set<() => void>();
  #retries = 0;
  #ended = false;

  constructor(host: Pick<Host, "clock" | "waiting">) {
    this.#host = host;
    this.#clock = host.clock;
  }

  /** Whether a call waits for its next try. */
  get retrying(): boolean {
    return this.#retries > 0;
  }

  /** Resolves after `ms`, or when woken. The second function wakes this one. */
  sleep(ms: number): [Promise<void>, () => void] {
    let wake = () => {};
    const slept = new Promise<void>((resolve) => {
      const cancel = this.#clock.after(ms, () => wake());
      wake = () => {
        cancel();
        this.#wakes.delete(wake);
        resolve();
      };
      this.#wakes.add(wake);
    });
    if (this.#ended) wake();
    return [slept, wake];
  }

  /** Before the next try: backoff, or what the sink asked for. Throws STOPPED once the end has come. */
  async retry(attempt: number, error: unknown): Promise<void> {
    if (this.#ended) throw STOPPED;
    const asked = Math.min(afterOf(error) ?? 0, LONGEST_AFTER_MS);
    const delay = Math.max(asked, backoff(attempt, CALL_BACKOFF));
    this.#host.waiting(this.#clock.now() + delay, attempt, error);
    this.#retries++;
    await this.sleep(delay)[0];
    this.#retries--;
    if (this.#ended) throw STOPPED;
  }

  /** Wakes all, for good: nothing is tried again. */
  end(): void {
    this.#ended = true;
    for (const wake of [...this.#wakes]) wake();
  }
}

import type { Clock } from "../runtime/index.ts";

interface Timer {
  readonly at: number;
  readonly task: () => void;
}

/** Time that stands still until the test moves it. */
export class TestClock implements Clock {
  #now: number;
  readonly #timers = new Set<Timer>();

  /** `now`: milliseconds since 1970. */
  constructor(now: number = Date.now()) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const timer: Timer = { at: this.#now + ms, task };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves time on by `ms`; what falls due runs in order, and what that leads to as well. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
      await turn();
    }
    this.#now = end;
    await turn();
  }

  #next(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
    return next;
  }
}

/** Lets promises and what they wait for in this process run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

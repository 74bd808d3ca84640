/** One-for-one supervision: how soon an actor that ended begins again, and when that is given up for a while. */
export const RESTARTS = 5;
export const RESTART_WINDOW_MS = 60_000;
export const PROBE_MS = 5 * 60_000;

export class RestartPolicy {
  #ends: number[] = [];

  /** After the actor ended at `now`: restart with backoff (which attempt), or suspend. */
  ended(now: number): { restart: true; attempt: number } | { restart: false } {
    this.#ends = this.#ends.filter((at) => now - at < RESTART_WINDOW_MS);
    this.#ends.push(now);
    if (this.#ends.length > RESTARTS) return { restart: false };
    return { restart: true, attempt: this.#ends.length };
  }

  /** After a probe: the first crash suspends again. */
  exhaust(now: number): void {
    this.#ends = Array.from({ length: RESTARTS }, () => now);
  }

  reset(): void {
    this.#ends = [];
  }
}

/** Share of the time that the sink ahead may be kept waiting... */
const SHARE = 0.01;
/** ...and what of it may be saved up, ms. */
const MOST_MS = 50;

/**
 * How long the sink that is ahead may wait for those just behind it: a moment's delay would otherwise part them, and then each
 * reads for itself. So little of the time that it counts for nothing where a sink is slow for good.
 */
export class Pace {
  /** None at the start, when it is not known yet who stands still. */
  #saved = 0;
  #at = performance.now();
  #pause: Promise<void> | null = null;
  #end: () => void = () => {};

  /** Until `resume`, or for as long as is left; at once where nothing is. */
  async wait(): Promise<void> {
    this.#pause ??= this.#begin().finally(() => {
      this.#pause = null;
    });
    await this.#pause;
  }

  resume(): void {
    this.#end();
  }

  async #begin(): Promise<void> {
    const start = performance.now();
    this.#saved = Math.min(MOST_MS, this.#saved + (start - this.#at) * SHARE);
    if (this.#saved >= 1) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#saved);
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#at = performance.now();
    this.#saved -= this.#at - start;
  }
}

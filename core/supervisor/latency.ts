import { LATENCY_BOUNDS_MS, type SinkStatus } from "./status.ts";

/** A cumulative histogram of milliseconds. */
export class Latency {
  readonly #counts = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0);
  #sum = 0;
  #count = 0;

  observe(ms: number): void {
    let i = LATENCY_BOUNDS_MS.length;
    while (i > 0 && ms <= LATENCY_BOUNDS_MS[i - 1]!) i--;
    this.#counts[i]!++;
    this.#sum += ms;
    this.#count++;
  }

  status(): SinkStatus["latency"] {
    let total = 0;
    return { counts: this.#counts.map((n) => (total += n)), sumMs: this.#sum, count: this.#count };
  }
}

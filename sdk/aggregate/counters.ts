import { grown } from "./symbols.ts";

/** What a counter holds, by its place in the counter's row of numbers. */
export const HITS = 0;
export const SUCCESS = 1;
export const ERROR = 2;
export const TOTAL_REQUEST_TIME = 3;
export const TOTAL_LATENCY = 4;
export const TOTAL_UPSTREAM = 5;
export const MAX_LATENCY = 6;
export const MAX_UPSTREAM = 7;
export const MIN_LATENCY = 8;
export const MIN_UPSTREAM = 9;
/** The newest record's time. */
export const SECONDS = 10;
export const NANOS = 11;
export const OPEN_CONNECTIONS = 12;
export const CLOSED_CONNECTIONS = 13;
export const BYTES_IN = 14;
export const BYTES_OUT = 15;

/** One record's numbers; used again for the next. Milliseconds, but where the name says otherwise. */
export class Unit {
  success = 0;
  error = 0;
  requestTime = 0;
  latency = 0;
  upstream = 0;
  seconds = 0;
  nanos = 0;
}

/** Counters in one array of doubles: a record touches a dozen of them, and each lies in two cache lines. */
export class Counters {
  values = new Float64Array(16 * 1024);
  #used = 0;

  clear(): void {
    this.values.fill(0, 0, this.#used);
    this.#used = 0;
  }

  /** Where the numbers of a counter begin. Counters are made in order, and are zero then. */
  at(counter: number): number {
    const base = 16 * counter;
    if (base >= this.#used) {
      this.#used = base + 16;
      if (this.#used > this.values.length) this.values = grown(this.values, 2 * this.values.length);
      this.values[base + SECONDS] = Number.NEGATIVE_INFINITY;
    }
    return base;
  }

  /**
   * Adds one hit. A minimum is that of the hits that are no errors, or of all as long as there are only errors.
   * `total`: of the successes (2xx) only, as the reference has it.
   */
  hit(base: number, unit: Unit, total: boolean): void {
    const v = this.values;
    const { success, error, latency, upstream } = unit;
    const hits = v[base]!;
    const good = total ? v[base + SUCCESS]! : hits - v[base + ERROR]!;
    v[base] = hits + 1;
    v[base + SUCCESS]! += success;
    v[base + ERROR]! += error;
    v[base + TOTAL_REQUEST_TIME]! += unit.requestTime;
    v[base + TOTAL_LATENCY]! += latency;
    v[base + TOTAL_UPSTREAM]! += upstream;
    if (hits === 0) {
      v[base + MAX_LATENCY] = v[base + MIN_LATENCY] = latency;
      v[base + MAX_UPSTREAM] = v[base + MIN_UPSTREAM] = upstream;
    } else {
      if (latency > v[base + MAX_LATENCY]!) v[base + MAX_LATENCY] = latency;
      if (upstream > v[base + MAX_UPSTREAM]!) v[base + MAX_UPSTREAM] = upstream;
      const isGood = total ? success !== 0 : error === 0;
      if (isGood && good === 0) {
        v[base + MIN_LATENCY] = latency;
        v[base + MIN_UPSTREAM] = upstream;
      } else if (isGood || good === 0) {
        if (latency < v[base + MIN_LATENCY]!) v[base + MIN_LATENCY] = latency;
        if (upstream < v[base + MIN_UPSTREAM]!) v[base + MIN_UPSTREAM] = upstream;
      }
    }
    this.seen(base, unit);
  }

  seen(base: number, { seconds, nanos }: Unit): void {
    const v = this.values;
    const last = v[base + SECONDS]!;
    if (seconds < last || (seconds === last && nanos <= v[base + NANOS]!)) return;
    v[base + SECONDS] = seconds;
    v[base + NANOS] = nanos;
  }
}

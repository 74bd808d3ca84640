import { monitorEventLoopDelay, PerformanceObserver, performance } from "node:perf_hooks";
import type { Measured } from "./protocol.ts";

/** Durations are counted in classes that lie a ninth of an octave apart, from a microsecond to half an hour. */
const CLASSES_PER_OCTAVE = 9;
const CLASSES = 31 * CLASSES_PER_OCTAVE;
/** How often the event loop is looked at, ms. */
const LOOP_MS = 10;
const NANOSECONDS = 1e6;

/** What the thread waits for when it has nothing to do. */
type Waiting = "backEnd" | "retry" | "records";

/**
 * Where a thread's time goes. While it is off it counts the calls under way and no more; while it is on, a batch costs
 * three looks at the clock and a call two.
 */
export class Meter {
  #on = false;
  #calls = 0;
  #retrying = false;
  /** The last change: the clock, and how long the thread had been idle. */
  #at = 0;
  #idle = 0;
  /** Measuring began then. */
  #since = 0;
  #cpu = 0;
  #loop: ReturnType<typeof monitorEventLoopDelay> | null = null;
  #collector: PerformanceObserver | null = null;
  readonly #sums: Omit<Measured, "t" | "loopDelayMs"> = {
    ms: { wall: 0, idle: 0, scan: 0, filter: 0, plugin: 0, backEnd: 0, retry: 0, records: 0, cpu: 0, gc: 0 },
    records: 0,
    bytes: 0,
    calls: 0,
    failed: 0,
    latency: new Array<number>(CLASSES).fill(0),
  };

  /** Whether anyone wants to know: otherwise no time need be taken. */
  get on(): boolean {
    return this.#on;
  }

  /** Measures from now on, or no longer; the answer is all that was measured so far. */
  measure(on: boolean): Measured {
    const { ms, latency, ...counts } = this.#sums;
    if (this.#on) {
      this.#turn();
      const cpu = cpuMs();
      ms.cpu += cpu - this.#cpu;
      this.#cpu = cpu;
    }
    if (on !== this.#on) this.#switch(on);
    const loopDelayMs = delays(this.#loop, performance.now() - this.#since);
    return { t: "measured", ...counts, ms: { ...ms }, latency: [...latency], loopDelayMs };
  }

  /** A piece was scanned from `start` to `scanned`, and filtered and prepared until now (`performance.now()`). */
  arrived(start: number, scanned: number, records: number, bytes: number): void {
    const now = performance.now();
    const { ms } = this.#sums;
    ms.scan += scanned - start;
    ms.filter += now - scanned;
    // The call that is under way did not use this time.
    if (this.#calls > 0) ms.plugin -= now - start;
    this.#sums.records += records;
    this.#sums.bytes += bytes;
  }

  /** A call of the plugin begins; the answer is for `ended`. */
  began(): number {
    if (this.#on && this.#calls === 0) this.#turn();
    this.#calls++;
    return this.#on ? performance.now() : Number.NaN;
  }

  ended(began: number, failed: boolean): void {
    if (this.#on) {
      if (this.#calls === 1) this.#turn();
      this.#sums.calls++;
      if (failed) this.#sums.failed++;
      // One that began before is not known to its length.
      if (!Number.isNaN(began)) this.#sums.latency[classOf(performance.now() - began)]!++;
    }
    this.#calls--;
  }

  /** A call waits for its next try, or no longer. */
  set retrying(retrying: boolean) {
    if (this.#on) this.#turn();
    this.#retrying = retrying;
  }

  #switch(on: boolean): void {
    this.#on = on;
    if (on) {
      this.#since = this.#at = performance.now();
      this.#idle = performance.nodeTiming.idleTime;
      this.#cpu = cpuMs();
      this.#loop = monitorEventLoopDelay({ resolution: LOOP_MS });
      this.#loop.enable();
      this.#collector = new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) this.#sums.ms.gc += duration;
      });
      this.#collector.observe({ entryTypes: ["gc"] });
    } else {
      this.#loop?.disable();
      this.#collector?.disconnect();
      this.#collector = null;
    }
  }

  /** Adds what passed since the last change to what the thread did then. */
  #turn(): void {
    const now = performance.now();
    const idle = performance.nodeTiming.idleTime;
    const { ms } = this.#sums;
    const wall = now - this.#at;
    const idled = Math.min(wall, idle - this.#idle);
    const waiting: Waiting = this.#calls > 0 ? "backEnd" : this.#retrying ? "retry" : "records";
    ms.wall += wall;
    ms.idle += idled;
    ms[waiting] += idled;
    if (this.#calls > 0) ms.plugin += wall - idled;
    this.#at = now;
    this.#idle = idle;
  }
}

/** The upper bound of a class, ms. */
export function latencyOf(index: number): number {
  return 2 ** ((index + 1) / CLASSES_PER_OCTAVE) / 1000;
}

function classOf(ms: number): number {
  const index = Math.floor(Math.log2(ms * 1000) * CLASSES_PER_OCTAVE);
  return Math.min(CLASSES - 1, Math.max(0, index));
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** How late the loop was at its looks, ms. `ms`: for how long it was looked at; no look at all is one that is so late. */
function delays(loop: ReturnType<typeof monitorEventLoopDelay> | null, ms: number): Measured["loopDelayMs"] {
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / NANOSECONDS - LOOP_MS);
  if (loop === null) return { p50: 0, p99: 0, max: 0 };
  if (loop.count === 0) return { p50: ms, p99: ms, max: ms };
  return { p50: late(loop.percentile(50)), p99: late(loop.percentile(99)), max: late(loop.max) };
}

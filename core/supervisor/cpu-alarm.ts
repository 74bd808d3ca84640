/** An actor that uses more of a core than this, for so long, is worth a word; and another one not before so long, ms. */
const SHARE = 0.9;
const WINDOW_MS = 60_000;
const QUIET_MS = 600_000;

/** Sees when an actor keeps a core busy. Nothing is cut: a thread's share of the CPU is the system's to give. */
export class CpuAlarm {
  #since: { at: number; cpuSeconds: number } | null = null;
  #quietUntil = Number.NEGATIVE_INFINITY;

  /** CPU used so far, at `now` (ms). The share of a core over the last window when it is time to speak, else null. */
  look(cpuSeconds: number, now: number): number | null {
    // It began anew.
    if (!this.#since || cpuSeconds < this.#since.cpuSeconds) this.#since = { at: now, cpuSeconds };
    const ms = now - this.#since.at;
    if (ms < WINDOW_MS) return null;
    const share = ((cpuSeconds - this.#since.cpuSeconds) * 1000) / ms;
    this.#since = { at: now, cpuSeconds };
    if (share < SHARE || now < this.#quietUntil) return null;
    this.#quietUntil = now + QUIET_MS;
    return share;
  }
}

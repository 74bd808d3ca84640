import type { Status } from "../supervisor/status.ts";

const WINDOW_MS = 3000;

export interface Rates {
  /** Takes a snapshot; gives records acknowledged a second by sink, over the last seconds. */
  update(status: Status, now: number): ReadonlyMap<string, number>;
}

/** Totals in, rates out. A total that falls back (a sink that was loaded anew) starts over. */
export function createRates(): Rates {
  const samples: { at: number; totals: Map<string, number> }[] = [];
  return {
    update(status, now) {
      const totals = new Map(status.sinks.map((sink) => [sink.name, sink.delivered]));
      samples.push({ at: now, totals });
      // The oldest one kept is at least a window old.
      while (samples.length > 2 && now - samples[1]!.at >= WINDOW_MS) samples.shift();
      const first = samples[0]!;
      const seconds = (now - first.at) / 1000;
      const rate = (name: string, total: number) =>
        seconds === 0 ? 0 : Math.max(0, total - (first.totals.get(name) ?? 0)) / seconds;
      return new Map([...totals].map(([name, total]) => [name, rate(name, total)]));
    },
  };
}

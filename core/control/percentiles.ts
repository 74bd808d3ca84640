import { LATENCY_BOUNDS_MS } from "../supervisor/status.ts";
import type { Percentiles } from "./profile.ts";

/** Of counts by class, whose upper bounds `bound` gives; all 0 where nothing was counted. */
export function percentiles(counts: readonly number[], bound: (index: number) => number): Percentiles {
  const all = counts.reduce((sum, count) => sum + count, 0);
  const at = (share: number): number => {
    let left = all * share;
    for (const [i, count] of counts.entries()) {
      left -= count;
      // Sums of shares are not exact.
      if (count > 0 && left <= 1e-9) return bound(i);
    }
    return 0;
  };
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** Of what was delivered between two looks at a sink's cumulative counts. Beyond the last bound nothing is known. */
export function deliveryTimes(before: readonly number[], after: readonly number[]): Percentiles {
  const grown = after.map((count, i) => count - (before[i] ?? 0));
  const counts = grown.map((count, i) => Math.max(0, count - (grown[i - 1] ?? 0)));
  return percentiles(counts, (i) => LATENCY_BOUNDS_MS[i] ?? LATENCY_BOUNDS_MS.at(-1)!);
}

import type { AggregateCounter } from "../groups.ts";

/**
 * Two counters as one, under the names of the first, as a table's row adds them up. Different keys may be written alike (`/a.b` and
 * `/a\u2eb`), and ids are ambiguous (organisation `a` with `keyendpoints`, `akey` with `endpoints`).
 */
export function combine(a: AggregateCounter, b: AggregateCounter): AggregateCounter {
  const newer =
    b.lastTime.seconds > a.lastTime.seconds ||
    (b.lastTime.seconds === a.lastTime.seconds && b.lastTime.nanos > a.lastTime.nanos);
  const counts = new Map(a.errors.map(({ code, count }) => [code, count]));
  for (const { code, count } of b.errors) counts.set(code, (counts.get(code) ?? 0) + count);
  const codes = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  return {
    ...a,
    identifier: b.identifier,
    human: b.human || a.human,
    hits: a.hits + b.hits,
    success: a.success + b.success,
    error: a.error + b.error,
    totalRequestTime: a.totalRequestTime + b.totalRequestTime,
    totalLatency: a.totalLatency + b.totalLatency,
    totalUpstreamLatency: a.totalUpstreamLatency + b.totalUpstreamLatency,
    maxLatency: extreme(Math.max, a, b, a.maxLatency, b.maxLatency),
    maxUpstreamLatency: extreme(Math.max, a, b, a.maxUpstreamLatency, b.maxUpstreamLatency),
    minLatency: least(a, b, a.minLatency, b.minLatency),
    minUpstreamLatency: least(a, b, a.minUpstreamLatency, b.minUpstreamLatency),
    lastTime: newer ? b.lastTime : a.lastTime,
    openConnections: a.openConnections + b.openConnections,
    closedConnections: a.closedConnections + b.closedConnections,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    errors: codes.map(([code, count]) => ({ code, count })),
  };
}

type Pick = (...values: number[]) => number;

/** A counter without hits has no latencies. */
function extreme(pick: Pick, a: AggregateCounter, b: AggregateCounter, ofA: number, ofB: number): number {
  if (a.hits === 0) return ofB;
  return b.hits === 0 ? ofA : pick(ofA, ofB);
}

/** Of those that are no errors, if there are such. */
function least(a: AggregateCounter, b: AggregateCounter, ofA: number, ofB: number): number {
  if (isGood(a) !== isGood(b)) return isGood(a) ? ofA : ofB;
  return extreme(Math.min, a, b, ofA, ofB);
}

/** Its minimum is that of records that are no errors. */
function isGood({ dimension, hits, success, error }: AggregateCounter): boolean {
  return dimension === "" ? success > 0 : hits > error;
}

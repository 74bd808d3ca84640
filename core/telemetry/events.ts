import { UPTIME_LIST } from "../log/keys.ts";
import type { SinkStatus, Status } from "../supervisor/status.ts";
import { displayName } from "./display-names.ts";

/** One number for statsd, under the names that Tyk Pump gives it. */
export interface Event {
  job: "PumpRecordsPurge" | "GCActivity";
  name: string;
  kind: "counter" | "timing" | "gauge";
  /** Timings in milliseconds, gauges of pauses in nanoseconds. */
  value: number;
}

/**
 * What happened from one snapshot to the next. Tyk Pump times each purge; here that is the mean time from handing records to a sink
 * until it is done with them, and `purge_time_all` that of the slowest sink.
 */
export function eventsBetween(before: Status, now: Status): Event[] {
  const events: Event[] = [];
  const records = claimed(now) - claimed(before);
  if (records > 0) events.push({ job: "PumpRecordsPurge", name: "record", kind: "counter", value: records });
  let slowest = 0;
  for (const sink of now.sinks) {
    const ms = meanSince(
      before.sinks.find(({ name }) => name === sink.name),
      sink,
    );
    if (ms === null) continue;
    slowest = Math.max(slowest, ms);
    events.push({ job: "PumpRecordsPurge", name: `purge_time_${displayName(sink.type)}`, kind: "timing", value: ms });
  }
  if (events.some(({ kind }) => kind === "timing")) {
    events.push({ job: "PumpRecordsPurge", name: "purge_time_all", kind: "timing", value: slowest });
  }
  return events;
}

function claimed({ lists }: Status): number {
  return lists.reduce((sum, { name, claimed }) => (name === UPTIME_LIST.name ? sum : sum + claimed), 0);
}

/** Null: nothing was settled. */
function meanSince(before: SinkStatus | undefined, { latency }: SinkStatus): number | null {
  const count = latency.count - (before?.latency.count ?? 0);
  return count > 0 ? (latency.sumMs - (before?.latency.sumMs ?? 0)) / count : null;
}

/** The quantiles of garbage collection pauses, ms. */
export function pauseEvents(pauses: readonly number[]): Event[] {
  const sorted = pauses.toSorted((a, b) => a - b);
  return (["min", "25", "50", "75", "max"] as const).map((name, i) => ({
    job: "GCActivity",
    name: `pauses_quantile_${name}`,
    kind: "gauge",
    value: (sorted[Math.round((i / 4) * (sorted.length - 1))] ?? 0) * 1e6,
  }));
}

import { setTimeout as sleep } from "node:timers/promises";
import type { SinkStatus, Status } from "../supervisor/status.ts";
import type { Running } from "./run.ts";

const LOOK_MS = 25;
const IDLE_MS = 3000;

/** How far each sink is, and when it had everything. */
export interface Progress {
  /** Call often; takes the time at which a sink first had `total` records. */
  look(status: Status, total: number | null): void;
  /** Records a second of this sink, up to the moment it had everything, or to the last look. */
  rate(sink: SinkStatus): number;
}

export function createProgress(started: number): Progress {
  const finished = new Map<string, number>();
  let last = started;
  return {
    look(status, total) {
      last = performance.now();
      for (const sink of status.sinks) {
        if (total !== null && accounted(sink) >= total && !finished.has(sink.name)) finished.set(sink.name, last);
      }
    },
    rate(sink) {
      const ms = (finished.get(sink.name) ?? last) - started;
      return ms <= 0 ? 0 : (accounted(sink) / ms) * 1000;
    },
  };
}

/** Records that the sink is done with, dead letters too: none of these can be lost any more. */
export function accounted(sink: SinkStatus): number {
  return sink.delivered;
}

/** Those of them that are not dead letters. A letter is counted a moment before its chunk is. */
export function deliveredWell(sink: SinkStatus): number {
  return Math.max(0, sink.delivered - sink.deadLettered);
}

/** Waits until every sink that works has all `total` records, or nothing is left to deliver, or the signal. */
export async function untilDelivered(
  running: Running,
  total: number,
  signal: AbortSignal,
  look: (status: Status) => void = () => {},
): Promise<void> {
  let idleSince: number | null = null;
  while (!signal.aborted) {
    const status = running.status();
    look(status);
    if (slowest(status) >= total) return;
    // A log may be idle for a moment before it has seen the last records; later than that they are gone.
    idleSince = running.idle() ? (idleSince ?? performance.now()) : null;
    if (idleSince !== null && performance.now() - idleSince > IDLE_MS) return;
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}

/** Records that every sink has accounted for, those aside that are suspended. */
export function slowest(status: Status): number {
  const working = status.sinks.filter((sink) => sink.state !== "suspended");
  return Math.min(Number.MAX_SAFE_INTEGER, ...working.map(accounted));
}

/** The sinks that records of these `total` are missing from, with why. */
export function missing(status: Status, total: number): string[] {
  return status.sinks
    .filter((sink) => accounted(sink) < total)
    .map((sink) => `${sink.name}: ${total - accounted(sink)} records not delivered (${sink.reason ?? sink.state})`);
}

import type { SinkState } from "../supervisor/status.ts";

/** What one sink did for a while. Times are those of its actors, added up; a share is of one actor's time, 0 to 1. */
export interface Profile {
  sink: string;
  type: string;
  plugin: string;
  isolation: "worker" | "process";
  /** When it began, milliseconds since 1970. */
  startedAt: number;
  /** How long the figures were taken. */
  seconds: number;
  state: SinkState;
  reason: string | null;
  /** Actors that were measured from beginning to end. */
  actors: number;
  /** Given to its actors in that time; bytes on the wire. */
  records: number;
  bytes: number;
  /** Acknowledged: written, filtered, skipped or set aside. A gatherer is done with many at once. */
  delivered: number;
  filtered: number;
  retries: number;
  recordsPerSecond: number;
  bytesPerSecond: number;
  /** Calls of the plugin (write, add, flush). */
  calls: number;
  failedCalls: number;
  callsPerSecond: number;
  /** Records behind, at its beginning and its end, and how many of these its actors have in hand: a gather takes seconds. */
  lagBefore: number;
  lagAfter: number;
  heldAfter: number;
  /** Age of the oldest of them. */
  oldestMs: number;
  /** Where the actors' time went. */
  timeMs: TimeMs;
  /** Of the time at work: what the garbage collector held the thread. */
  gcMs: number;
  /** CPU of all actors; 1 is a whole core. */
  cpuShare: number;
  /** Time that the actors' threads were not waiting for anything. */
  busyShare: number;
  heapBytes: number;
  heapPeakBytes: number;
  /** Memory outside of the heap: buffers. */
  externalBytes: number;
  externalPeakBytes: number;
  /** How late a timer fires, of the actor that is latest. */
  eventLoopDelayMs: { p50: number; p99: number; max: number };
  /** How long a call of the plugin takes. */
  callMs: Percentiles;
  /** From the hand-over of a piece of a chunk until it is settled; upper bounds. */
  deliveryMs: Percentiles;
  limit: Limit;
  cpu: CpuProfile | null;
  /** What could not be measured, and why. */
  notes: string[];
}

export interface TimeMs {
  /** Finding the fields of records. */
  scan: number;
  /** Filters, and preparation of fields. */
  filter: number;
  /** The plugin's own calls, at work: encoding, compressing, aggregating. */
  plugin: number;
  /** At work, but none of these: messages, the runtime, periodic work of the plugin. */
  other: number;
  /** A call is under way, and the thread has nothing to do: the back end has not answered. */
  backEnd: number;
  /** Between two tries of a call that failed. */
  retry: number;
  /** No call is under way: no records are at hand, or too few for a batch. */
  records: number;
}

export interface Percentiles {
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

/** What keeps a sink from going faster, and what helps. */
export interface Limit {
  is: "down" | "failing" | "thread" | "blocked" | "back end" | "log" | "nothing" | "several";
  /** A sentence. */
  why: string;
  help: string;
}

export interface CpuProfile {
  /** Which of the sink's actors. */
  actor: number;
  /** How long it was sampled, after the figures were taken. */
  seconds: number;
  /** A `.cpuprofile`: JSON that Chromium's DevTools, VS Code and speedscope open. */
  profile: string;
  /** File URLs below which the host's own code lies: the sdk, and what runs around a plugin. */
  host: string[];
}

/** All sinks over the same time. */
export interface Comparison {
  sinks: Profile[];
  bottleneck: Bottleneck;
  /** The thread that feeds them all. */
  supervisor: { busyShare: number; cpuShare: number };
}

export interface Bottleneck {
  /** Null: none is behind, or the log or the supervisor is the limit for all. */
  sink: string | null;
  is: Limit["is"];
  why: string;
  help: string;
}

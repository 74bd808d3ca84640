import type { PluginMetric } from "./plugin-metrics.ts";

/** A snapshot of what runs, for health, metrics and the live table. Plain data; totals count from the start of the process. */
export interface Status {
  startedAt: number;
  /** Null while connected, else why the log is out of reach. */
  logError: string | null;
  lists: ListStatus[];
  sinks: SinkStatus[];
  backlog: BacklogStatus;
  slabs: { bytes: number; pinned: number };
  uptime?: UptimeStatus;
}

export interface BacklogStatus {
  bytes: number;
  records: number;
  /** Bytes; 0: none. */
  limit: number;
  /** Why it is above its limit, and all of it is kept; null: it is not. */
  holding: string | null;
  /** Sinks that the log keeps records for, and no instance configures. */
  orphans: string[];
}

/** What becomes of a sink's backlog: it stays in Redis; or, since that is at its limit and the sink furthest behind... */
export type BacklogState = "ok" | "spooling" | "dropping" | "holding";

export interface SinkBacklog {
  state: BacklogState;
  /** Null while all is well. */
  reason: string | null;
  /** On this instance's disk. */
  waiting: { chunks: number; records: number; bytes: number };
  /** Records that went to disk. */
  spooled: number;
  /** Records that were dropped. */
  dropped: number;
}

/** Uptime tests; absent from the status where none are configured. */
export interface UptimeStatus {
  /** This instance runs the tests. */
  active: boolean;
  /** Checks under way. */
  running: number;
  /** Checks left out because their previous run was not finished. */
  skipped: number;
  /** Reports that the log did not take. */
  dropped: number;
  checks: {
    name: string;
    state: "unknown" | "up" | "down";
    /** Of the last change, ms since 1970. */
    since: number;
    /** Of the last result. */
    status: number;
    ms: number;
    /** Results by outcome: "ok" or the kind of failure. */
    results: { [outcome: string]: number };
  }[];
}

export interface ListStatus {
  name: string;
  /** Records cut off the live list by this process. */
  claimed: number;
  /** Still in the live list, as last seen. */
  live: number;
}

export type SinkState = "starting" | "opening" | "open" | "draining" | "restarting" | "suspended" | "stopped";

export interface SinkStatus {
  name: string;
  type: string;
  state: SinkState;
  /** Null when all is well: otherwise why it is not ready, for a person. */
  reason: string | null;
  /** When it tries again by itself, ms since 1970; null: it works, or waits for a person. */
  nextTryAt: number | null;
  ready: boolean;
  /** Records. `delivered` is acknowledged: written, filtered, skipped or set aside. */
  delivered: number;
  deliveredBytes: number;
  written: number;
  filtered: number;
  skipped: number;
  deadLettered: number;
  /** Records given again because an actor ended or a gather was dropped. */
  redelivered: number;
  /** Calls tried again. */
  retries: number;
  restarts: number;
  lag: { chunks: number; records: number; oldestMs: number };
  backlog: SinkBacklog;
  /** In hand: taken and not yet acknowledged. */
  held: { chunks: number; records: number };
  /** Of all actors that ran for it, seconds. */
  cpuSeconds: number;
  actors: ActorStatus[];
  /** From hand-over to settlement of a piece: cumulative counts for the bounds in LATENCY_BOUNDS_MS, the last for more. */
  /** What its plugin measures itself. */
  metrics: PluginMetric[];
  latency: { counts: number[]; sumMs: number; count: number };
}

export const LATENCY_BOUNDS_MS = [
  1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
] as const;

export interface ActorStatus {
  actor: number;
  state: SinkState;
  cpuSeconds: number;
  heapBytes: number;
  externalBytes: number;
  /** 0 to 1 over the last second. */
  eventLoopUse: number;
}

import type { Kind, Wire } from "../record/types.ts";
import type { BatchShape, CloseReason, GatherShape } from "../sink/definition.ts";

/**
 * The protocol between the supervisor and an actor's thread: two unions, and the states in which each message may be
 * sent (docs/decisions has the table). Each `seq` ends exactly once: `settled`, `returned`, or the thread's exit, which
 * returns all open ones. A slab is reused after release, settlement or exit, never before.
 */
export const PROTOCOL = 1;

export type ToThread =
  | Hello
  | { t: "open"; limits: Limits; deadline: number }
  /** `heard`: how many `returned` had arrived when it was sent; `keep`: the thread keeps the slab, under this number. */
  | { t: "batch"; seq: number; part: WirePart; alone: boolean; heard: number; keep: number | null }
  /** The host has given this memory up. */
  | { t: "forget"; slab: number }
  /** Leases lost: forget what is not begun; a gather that holds one is dropped unless in flush. */
  | { t: "revoke"; seqs: number[] }
  /** What the thread told as "rejecting" under this id is stored. */
  | { t: "stored"; id: number }
  /** Settle what is in hand, flush. */
  | { t: "drain"; reason: CloseReason; deadline: number }
  /** Measure from now on, or no longer. Each is answered with "measured"; who does not know it says nothing. */
  | { t: "measure"; on: boolean }
  | { t: "close"; reason: CloseReason; deadline: number };

export interface Hello {
  t: "hello";
  api: [min: number, max: number];
  features: string[];
  /** File URL of the plugin's entry. */
  entry: string;
  sink: string;
  type: string;
  config: unknown;
  actor: number;
  actors: number;
  timeout: number;
  prepare: Prepare;
  /** "open" tries the sink's `check` instead, and "checked" is the answer. */
  dry?: boolean;
  /** "open" has the sink's `preview` show these instead, and "previewed" is the answer. */
  preview?: PreviewRequest;
}

/** Records as they lie in the log. */
export interface PreviewRequest {
  wire: Wire;
  /** `raw`: base64. Such a request also goes to a process of its own, as JSON. */
  records: { chunk: string; index: number; raw: string }[];
}

export type FromThread =
  | Ready
  | { t: "unsupported"; api: number; missing: string[] }
  | { t: "opened"; kind: "writer" | "gatherer" }
  | Checked
  | Previewed
  /** Gatherers: memory may be reused, progress not yet saved. */
  | { t: "release"; seqs: number[] }
  /** A gather waits to be flushed until these dead letters are stored. "settled" names them once more. */
  | { t: "rejecting"; id: number; rejected: Rejected[] }
  /** The host stores the dead letters, then acknowledges; implies release. */
  | { t: "settled"; seqs: number[]; rejected: Rejected[]; counts: Counts }
  /** Dropped unwritten: deliver again. `narrow`: one chunk a gather. `doubted`: what "rejecting" said of them is taken back. */
  | { t: "returned"; seqs: number[]; narrow: boolean; doubted: boolean; error: WireError | null }
  /** For health and `top`; `until` null: no longer waiting. */
  | { t: "waiting"; until: number | null; attempt: number; error: WireError | null }
  | { t: "fatal"; during: "open" | "write" | "add" | "flush"; error: WireError }
  | Report
  | Measured
  | { t: "drained" }
  | { t: "closed" };

export interface Ready {
  t: "ready";
  api: number;
  reads: Kind;
  batch: BatchShape | null;
  gather: GatherShape | null;
  concurrency: number;
  single: boolean;
  decodes: boolean;
}

/** Of a dry run. */
export interface Checked {
  t: "checked";
  /** What was seen; null: it failed, or the sink cannot be tried without writing. */
  seen: string | null;
  error: WireError | null;
}

export interface Previewed {
  t: "previewed";
  /** One for each record, null where the sink leaves it out. Null: it failed, or the sink has no preview. */
  texts: (string | null)[] | null;
  error: WireError | null;
}

/** What became of the records of settled pieces, besides those rejected. */
export interface Counts {
  written: number;
  filtered: number;
  skipped: number;
  retries: number;
}

/** A sink's metrics of its plugin's own, and the characters of a name. */
export const MOST_SERIES = 1000;
export const LONGEST_NAME = 200;

export interface Report {
  t: "report";
  log: { level: string; message: string; more?: object }[];
  metrics: { name: string; help: string; kind: "counter" | "gauge" | "histogram"; value: number | number[] }[];
  dropped: number;
}

/** What the thread did while it measured: sums that only grow, so that two answers tell what lay between them. */
export interface Measured {
  t: "measured";
  /** All, and of it: doing nothing; scanning, filtering and preparing, in calls of the plugin. `backEnd`, `retry` and `records` are what it waited for. */
  ms: {
    wall: number;
    idle: number;
    scan: number;
    filter: number;
    plugin: number;
    backEnd: number;
    retry: number;
    records: number;
    cpu: number;
    gc: number;
  };
  /** Arrived. */
  records: number;
  bytes: number;
  /** Of the plugin, that ended. */
  calls: number;
  failed: number;
  /** Calls by how long they took: `latencyOf` gives the bounds. */
  latency: number[];
  /** Since measuring began. */
  loopDelayMs: { p50: number; p99: number; max: number };
}

/** One piece of one chunk. The record offsets (start, end; 32-bit words) lie at byte `at` of the slab. */
export interface WirePart {
  /** The memory itself, or the number of one that the thread keeps. */
  slab: SharedArrayBuffer | number;
  at: number;
  /** Byte of the slab where the slots of these records are shared (sdk/record/shared-slots.ts); null: nowhere. */
  slots: number | null;
  count: number;
  wire: Wire;
  chunk: string;
  from: number;
  to: number;
  redelivered: boolean;
}

/** `index` counts in the chunk. */
export interface Rejected {
  seq: number;
  index: number;
  reason: string;
}

/** Errors are written out: a cloned error loses its class and its code. */
export interface WireError {
  name: string;
  code: string;
  message: string;
  stack?: string;
  after?: number;
  cause?: WireError;
}

export interface Limits {
  batch: Required<BatchShape>;
  gather: Required<GatherShape>;
  concurrency: number;
  ms: { open: number; write: number; add: number; flush: number; grace: number };
}

/** Filters and field preparation, in the reference's order (records.md part 4.2). */
export interface Prepare {
  filters: {
    skipApiIds: string[];
    skipOrgIds: string[];
    skipResponseCodes: number[];
    apiIds: string[];
    orgIds: string[];
    responseCodes: number[];
  };
  /** Blank raw_request and raw_response. */
  omit: boolean;
  /** Bytes kept of raw_request and raw_response; 0: all. */
  trim: number;
  /** Top-level JSON names to blank. */
  ignore: string[];
  decodeRequest: boolean;
  decodeResponse: boolean;
}

import type { FromThread, Measured, ToThread, WirePart } from "@sluice/sdk/runtime";
import type { Confinement } from "../plugins/confine.ts";
import type { FileHashes } from "../plugins/files.ts";
import type { Exit } from "./actor.ts";
import type { HeapLimits, HeapSample } from "./heap-guard.ts";

/** A piece on its way, its memory at hand. */
export interface SentPiece {
  seq: number;
  part: WirePart & { slab: SharedArrayBuffer };
  alone: boolean;
  heard: number;
}

/** Where an actor's runtime and plugin live: a thread of this process, or a process. */
export interface Body {
  post(message: Exclude<ToThread, { t: "batch" | "forget" }>): void;
  send(piece: SentPiece): void;
  /** This memory will not be sent again. */
  forget(slab: SharedArrayBuffer): void;
  /** Ends it; not awaited: native code may hold a thread for a while. `exited` comes when its memory is ours again. */
  kill(): void;
  usage(): Promise<Usage>;
  /** Samples its stack until the answer is called, which gives a `.cpuprofile`. Rejects where that cannot be, or it ends. */
  startCpuProfile(): Promise<() => Promise<string>>;
}

export interface Usage {
  /** Seconds of CPU since it began. */
  cpuSeconds: number;
  /** 0 to 1 since the last look. */
  eventLoopUse: number;
}

export interface BodyEvents {
  /** Not yet looked at: whatever runs there may say anything. */
  message(message: unknown): void;
  output(text: string): void;
  sample(sample: HeapSample): void;
  /** It must be ended, or is about to end. The first reason counts. */
  failed(exit: Exit): void;
  exited(code: number | null): void;
}

/** What a body is made of. */
export interface Home {
  isolation: "worker" | "process";
  confinement: Confinement;
  /** Hashes of the bundle; null where the code is no bundle. */
  files: FileHashes | null;
}

export type MakeBody = (name: string, home: Home, heap: HeapLimits, events: BodyEvents) => Body;

/** More than any version has. */
const MOST_CLASSES = 1000;
const TIMES = [
  "wall",
  "idle",
  "scan",
  "filter",
  "plugin",
  "backEnd",
  "retry",
  "records",
  "cpu",
  "gc",
] as const satisfies (keyof Measured["ms"])[];
const DELAYS = ["p50", "p99", "max"] as const satisfies (keyof Measured["loopDelayMs"])[];

const KINDS: { readonly [t: string]: (message: { [key: string]: unknown }) => boolean } = {
  ready: ({ api, concurrency }) => isNumber(api) && isNumber(concurrency),
  unsupported: ({ api, missing }) => isNumber(api) && Array.isArray(missing),
  opened: ({ kind }) => kind === "writer" || kind === "gatherer",
  release: ({ seqs }) => isNumbers(seqs),
  rejecting: ({ id, rejected }) => isNumber(id) && areRejected(rejected),
  settled: ({ seqs, rejected, counts }) => isNumbers(seqs) && areRejected(rejected) && areCounts(counts),
  returned: ({ seqs, error }) => isNumbers(seqs) && isError(error),
  waiting: ({ until, attempt, error }) => (until === null || isNumber(until)) && isNumber(attempt) && isError(error),
  fatal: ({ error }) => error !== null && isError(error),
  report: ({ log, metrics, dropped }) => areLines(log) && Array.isArray(metrics) && isNumber(dropped),
  checked: ({ seen, error }) => (seen === null || typeof seen === "string") && isError(error),
  previewed: ({ texts, error }) => (texts === null || areTexts(texts)) && isError(error),
  measured: ({ ms, records, bytes, calls, failed, latency, loopDelayMs }) =>
    [records, bytes, calls, failed].every(isAmount) &&
    has(ms, TIMES) &&
    has(loopDelayMs, DELAYS) &&
    areClasses(latency),
  drained: () => true,
  closed: () => true,
};

/** Whether a message has the shape that the protocol gives it; what it says may still be a lie. */
export function isFromThread(message: unknown): message is FromThread {
  if (!isObject(message)) return false;
  const { t } = message;
  return typeof t === "string" && Object.hasOwn(KINDS, t) && KINDS[t]!(message);
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null;
}

function areTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => one === null || typeof one === "string");
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" && !Number.isNaN(value);
}

function isAmount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

function has(value: unknown, amounts: readonly string[]): boolean {
  return isObject(value) && amounts.every((name) => isAmount(value[name]));
}

function areClasses(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MOST_CLASSES && value.every(isAmount);
}

function isNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.every(isNumber);
}

function isError(value: unknown): boolean {
  return value === null || (isObject(value) && typeof value.message === "string");
}

function areRejected(value: unknown): boolean {
  const isOne = (one: unknown) =>
    isObject(one) && isNumber(one.seq) && Number.isInteger(one.index) && typeof one.reason === "string";
  return Array.isArray(value) && value.every(isOne);
}

function areCounts(value: unknown): boolean {
  return isObject(value) && [value.written, value.filtered, value.skipped, value.retries].every(isNumber);
}

function areLines(value: unknown): boolean {
  return Array.isArray(value) && value.every((line) => isObject(line) && typeof line.message === "string");
}

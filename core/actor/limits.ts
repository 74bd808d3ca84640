import type { Limits, Ready } from "@sluice/sdk/runtime";

const MiB = 2 ** 20;
const GRACE_MS = 5000;

/** What the sink asks for, within the host's bounds. Times in ms; `timeoutMs` is the operator's for writes, 0 for none. */
export function limitsFor(ready: Ready, timeoutMs: number, gatherShare = 1): Limits {
  const { batch, gather } = ready;
  const gatherMs = bounded(gather?.ms, 2000, 60_000);
  const write = timeoutMs > 0 ? timeoutMs : 60_000;
  return {
    batch: {
      records: bounded(batch?.records, 1000, 50_000),
      bytes: bounded(batch?.bytes, 4 * MiB, 16 * MiB),
      linger: Math.min(Math.max(batch?.linger ?? 0, 0), 5000),
    },
    gather: {
      records: Math.max(1, Math.round(bounded(gather?.records, 200_000, 2_000_000) * gatherShare)),
      bytes: Math.max(1, Math.round(bounded(gather?.bytes, 1024 * MiB, 1024 * MiB) * gatherShare)),
      ms: gatherMs,
      quiet: bounded(gather?.quiet, gatherMs, gatherMs),
    },
    concurrency: bounded(ready.concurrency, 1, 16),
    ms: { open: 30_000, write, add: 10_000, flush: write, grace: GRACE_MS },
  };
}

/** How much an actor may have in its hands: memory not yet released, and progress not yet acknowledged. */
export interface Credit {
  pieces: number;
  bytes: number;
  /** Chunks taken and not begun: a lease each, but no memory, and nothing that a crash would repeat. */
  ahead: number;
  /** Chunks taken and not acknowledged, begun or not. */
  chunks: number;
}

/** A chunk has at most so many records; small chunks are what credit in pieces must allow for. */
const CHUNK_RECORDS = 1000;
const LEAST_PIECES = 6;
/** What waits for an actor to have room bridges the time that the log takes to acknowledge some and to give others. */
const AHEAD = 8;
const GATHERED_CHUNKS = 2000;

export function creditFor(limits: Limits, kind: "writer" | "gatherer"): Credit {
  const bytes = 16 * MiB + limits.batch.bytes;
  if (kind === "gatherer") return { pieces: LEAST_PIECES, bytes, ahead: AHEAD, chunks: GATHERED_CHUNKS };
  const batches = (limits.concurrency + 1) * Math.ceil(limits.batch.records / CHUNK_RECORDS);
  const pieces = Math.max(LEAST_PIECES, batches);
  return { pieces, bytes, ahead: AHEAD, chunks: pieces + AHEAD };
}

function bounded(asked: number | undefined, usual: number, most: number): number {
  if (asked === undefined || !Number.isFinite(asked)) return usual;
  return Math.min(Math.max(Math.floor(asked), 1), most);
}

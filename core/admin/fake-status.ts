import { LATENCY_BOUNDS_MS, type SinkStatus, type Status } from "../supervisor/status.ts";

/** For tests: a sink that has delivered ten records and is well. */
export function fakeSink(name: string, more: Partial<SinkStatus> = {}): SinkStatus {
  return {
    name,
    type: name,
    state: "open",
    reason: null,
    nextTryAt: null,
    ready: true,
    delivered: 10,
    deliveredBytes: 4000,
    written: 7,
    filtered: 2,
    skipped: 1,
    deadLettered: 0,
    redelivered: 0,
    retries: 0,
    restarts: 0,
    lag: { chunks: 0, records: 0, oldestMs: 0 },
    backlog: {
      state: "ok",
      reason: null,
      waiting: { chunks: 0, records: 0, bytes: 0 },
      spooled: 0,
      dropped: 0,
    },
    held: { chunks: 0, records: 0 },
    cpuSeconds: 0.5,
    actors: [{ actor: 0, state: "open", cpuSeconds: 0.5, heapBytes: 1000, externalBytes: 2000, eventLoopUse: 0.25 }],
    metrics: [{ name: "rows", help: "Rows.", kind: "counter", value: 7, count: 0 }],
    latency: { counts: new Array(LATENCY_BOUNDS_MS.length + 1).fill(0), sumMs: 0, count: 0 },
    ...more,
  };
}

export function fakeStatus(sinks: SinkStatus[], more: Partial<Status> = {}): Status {
  return {
    startedAt: 1_700_000_000_000,
    logError: null,
    lists: [{ name: "analytics-tyk-system-analytics", claimed: 10, live: 3 }],
    sinks,
    backlog: { bytes: 0, records: 0, limit: 2 ** 30, holding: null, orphans: [] },
    slabs: { bytes: 0, pinned: 0 },
    ...more,
  };
}

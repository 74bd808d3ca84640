import type { Profile } from "./profile.ts";

const TIMES = { p50: 10, p90: 20, p99: 30, max: 40 };
const PLUGIN = { functionName: "encodePage", url: "file:///opt/plugins/csv/index.ts", lineNumber: 41 };
const RUNTIME = { functionName: "receive", url: "file:///opt/sluice/sdk/runtime/runtime.ts", lineNumber: 9 };

/** For tests: of a sink that waits for its back end. */
export function fakeProfile(changes: Partial<Profile>): Profile {
  const nodes = [
    { id: 1, callFrame: { functionName: "(root)", url: "", lineNumber: -1 }, children: [2] },
    { id: 2, callFrame: RUNTIME, children: [3] },
    { id: 3, callFrame: PLUGIN },
  ];
  const samples = { nodes, samples: [2, 3, 3, 3], timeDeltas: [0, 1000, 1000, 1000, 1000] };
  return {
    sink: "csv",
    type: "csv",
    plugin: "@sluice/plugin-csv 1.0.0",
    isolation: "worker",
    startedAt: 1_700_000_000_000,
    seconds: 3,
    state: "open",
    reason: null,
    actors: 1,
    records: 3000,
    bytes: 3_000_000,
    delivered: 3000,
    filtered: 0,
    retries: 0,
    recordsPerSecond: 1000,
    bytesPerSecond: 1_000_000,
    calls: 3,
    failedCalls: 0,
    callsPerSecond: 1,
    lagBefore: 0,
    lagAfter: 0,
    heldAfter: 0,
    oldestMs: 0,
    timeMs: { scan: 100, filter: 100, plugin: 700, other: 0, backEnd: 1800, retry: 0, records: 300 },
    gcMs: 9,
    cpuShare: 0.3,
    busyShare: 0.3,
    heapBytes: 1e6,
    heapPeakBytes: 2e6,
    externalBytes: 1e6,
    externalPeakBytes: 2e6,
    eventLoopDelayMs: { p50: 0, p99: 1, max: 2 },
    callMs: TIMES,
    deliveryMs: TIMES,
    limit: { is: "nothing", why: "It keeps up.", help: "Nothing is to be done." },
    cpu: { actor: 0, seconds: 3, profile: JSON.stringify(samples), host: ["file:///opt/sluice/sdk/"] },
    notes: [],
    ...changes,
  };
}

import { fakeSink, fakeStatus } from "../../admin/fake-status.ts";
import type { Control } from "../../control/control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "../../control/errors.ts";
import { createFollow } from "../../control/follow.ts";
import type { Letter, LetterFilter } from "../../control/letters.ts";
import type { Profile } from "../../control/profile.ts";
import { LATENCY_BOUNDS_MS, type SinkStatus, type Status } from "../../supervisor/status.ts";

/** For tests and for looking at the page: a pump whose figures move by the clock, and that keeps what it was asked. */
export interface FakeControl extends Control {
  readonly asked: string[];
  letterList: Letter[];
  /** What a profile waits for. */
  measured: Promise<void>;
  /** Of the process; a later one is another process. */
  startedAt: number;
  /** How many follow its status. */
  followers: number;
}

interface Shape {
  name: string;
  type: string;
  /** Records a second, and the middle of its latency, ms. */
  rate: number;
  ms: number;
  lag?: number;
  actors?: number;
  more?: Partial<SinkStatus>;
}

const SHAPES: readonly Shape[] = [
  { name: "mongo", type: "mongo", rate: 4200, ms: 18, actors: 2 },
  { name: "kafka-eu", type: "kafka", rate: 4200, ms: 6 },
  { name: "csv", type: "csv", rate: 4200, ms: 2 },
  {
    name: "sql_aggregate",
    type: "sql_aggregate",
    rate: 3900,
    ms: 140,
    lag: 18_400,
    more: {
      backlog: {
        state: "spooling",
        reason: "the backlog is at its limit, and this sink is furthest behind",
        waiting: { chunks: 12, records: 12_000, bytes: 14_400_000 },
        spooled: 44_000,
        dropped: 0,
      },
    },
  },
  {
    name: "splunk",
    type: "splunk",
    rate: 0,
    ms: 900,
    lag: 241_310,
    more: {
      state: "suspended",
      ready: false,
      reason: "SLUICE_SINK_FATAL: the collector refuses the token (403): set collector_token",
      restarts: 5,
      retries: 61,
    },
  },
];

const FIELDS = { method: "GET", path: "/orders/7", response_code: 503, api_id: "b84fe1a04e5648927971c0557971565c" };
const MiB = 2 ** 20;

export function fakeControl(started: number = Date.now() - 7_500_000): FakeControl {
  const suspended = new Set<string>();
  const asked: string[] = [];
  const follow = createFollow(() => control.status());
  const control: FakeControl = {
    asked,
    startedAt: started,
    followers: 0,
    letterList: fakeLetters(),
    measured: Promise.resolve(),
    about: () => ({
      version: "0.1.0",
      pid: 4711,
      startedAt: control.startedAt,
      configuration: "/etc/sluice/pump.conf",
    }),
    status: () => statusAt(Date.now(), control.startedAt, suspended),
    async *follow() {
      control.followers++;
      try {
        yield* follow();
      } finally {
        control.followers--;
      }
    },
    async suspend(sink) {
      known(sink);
      asked.push(`suspend ${sink}`);
      suspended.add(sink);
    },
    async resume(sink) {
      known(sink);
      asked.push(`resume ${sink}`);
      suspended.delete(sink);
    },
    async reload() {
      throw new ControlError(CONTROL_ERROR_CODES.notPossible, "This pump has no configuration to read again.");
    },
    stop: () => void asked.push("stop"),
    async profile(sink, seconds, cpu) {
      asked.push(`profile ${sink} ${seconds} ${cpu}`);
      await control.measured;
      return fakeProfile(sink, seconds, cpu);
    },
    async profileAll() {
      throw new ControlError(CONTROL_ERROR_CODES.notPossible, "The page does not ask for it.");
    },
    async *tap(sink, records) {
      known(sink);
      for (let index = 0; index < records; index++) {
        yield { chunk: "1732250000000-0", index, taken: index % 3 !== 2, record: { ...FIELDS, request_time: index } };
      }
    },
    letters: {
      async list(filter) {
        const all = control.letterList.filter((letter) => isMeant(letter, filter));
        const from = filter.after === undefined ? 0 : all.findIndex(({ id }) => id === filter.after) + 1;
        const letters = all.slice(from, from + (filter.limit ?? 100));
        const more = from + letters.length < all.length ? letters.at(-1)!.id : null;
        const bytes = all.reduce((sum, letter) => sum + letter.bytes, 0);
        return { letters, more, records: all.length, bytes, totals: totals(all) };
      },
      async show(id, redact) {
        const letter = control.letterList.find((one) => one.id === id);
        if (letter === undefined) throw new ControlError(CONTROL_ERROR_CODES.noLetter, "There is no such letter.");
        const record = {
          ...FIELDS,
          ip_address: redact ? "***" : "203.0.113.9",
          user_agent: "<img src=x onerror=alert(1)>",
        };
        return { ...letter, record, raw: redact ? "" : "3gA=" };
      },
      replay: async (filter) => ({ records: take("replay", filter), skipped: [] }),
      drop: async (filter) => take("drop", filter),
    },
  };

  function take(what: string, filter: LetterFilter): number {
    asked.push(`${what} ${JSON.stringify(filter)}`);
    const before = control.letterList.length;
    control.letterList = control.letterList.filter((letter) => !isMeant(letter, filter));
    return before - control.letterList.length;
  }
  return control;
}

function known(sink: string): void {
  if (SHAPES.some(({ name }) => name === sink)) return;
  throw new ControlError(CONTROL_ERROR_CODES.noSink, `There is no sink ${sink}.`);
}

function isMeant(letter: Letter, { sink, reason, since, until, ids }: LetterFilter): boolean {
  return (
    (sink === undefined || letter.sink === sink) &&
    (reason === undefined || letter.reason.toLowerCase().includes(reason.toLowerCase())) &&
    (since === undefined || letter.at >= since) &&
    (until === undefined || letter.at < until) &&
    (ids === undefined || ids.includes(letter.id))
  );
}

function totals(letters: readonly Letter[]) {
  return [...Map.groupBy(letters, ({ sink, reason }) => JSON.stringify([sink, reason])).values()]
    .map((group) => ({
      sink: group[0]!.sink,
      reason: group[0]!.reason,
      records: group.length,
      bytes: group.reduce((sum, { bytes }) => sum + bytes, 0),
    }))
    .toSorted((a, b) => b.records - a.records);
}

function fakeLetters(): Letter[] {
  const reasons = [
    ["mongo", "document of 18.2 MB is larger than the 16 MB that the server takes"],
    ["kafka-eu", "the record has no api_id, which is the key"],
    ["mongo", "<script>alert(1)</script> is no valid name of a field"],
  ] as const;
  return Array.from({ length: 23 }, (_, i) => {
    const [sink, reason] = reasons[i % 7 === 0 ? 1 : i % 5 === 0 ? 2 : 0]!;
    const list = "analytics-tyk-system-analytics";
    const at = Date.now() - i * 97_000;
    return { id: `${list}/${at}-${i}`, sink, list, chunk: `${at}-0`, index: i, reason, at, bytes: 800 + i * 37 };
  });
}

function statusAt(now: number, startedAt: number, suspended: ReadonlySet<string>): Status {
  const seconds = (now - startedAt) / 1000;
  // The integral of a rate that swings by a quarter every 40 s.
  const flowed = (rate: number) =>
    rate * (seconds - 0.25 * (40 / (2 * Math.PI)) * Math.cos((seconds * 2 * Math.PI) / 40));
  const claimed = Math.floor(flowed(4200));
  const sinks = SHAPES.map(({ name, type, rate, ms, lag = 0, actors = 1, more = {} }) => {
    const held = suspended.has(name)
      ? { state: "suspended" as const, ready: false, reason: "suspended by the operator" }
      : {};
    const delivered = Math.floor(flowed(rate));
    return fakeSink(name, {
      type,
      delivered,
      deliveredBytes: delivered * 1200,
      written: delivered,
      filtered: 0,
      skipped: 0,
      deadLettered: name === "mongo" ? 20 : name === "kafka-eu" ? 3 : 0,
      retries: name === "sql_aggregate" ? Math.floor(seconds / 7) : 0,
      lag: { chunks: Math.ceil(lag / 1000), records: lag + Math.floor(Math.random() * rate * 0.1), oldestMs: lag / 4 },
      held: { chunks: 2, records: 1800 },
      cpuSeconds: seconds * 0.21 * actors,
      actors: Array.from({ length: actors }, (_, actor) => ({
        actor,
        state: "open" as const,
        cpuSeconds: seconds * (0.21 + actor / 50),
        heapBytes: 48 * MiB + ((seconds * MiB) % (20 * MiB)),
        externalBytes: 12 * MiB,
        eventLoopUse: 0.24 + 0.1 * Math.sin(seconds / 3),
      })),
      metrics: [{ name: "rows", help: "Rows written.", kind: "counter", value: delivered, count: 0 }],
      latency: latencyOf(delivered / 1000, ms, seconds),
      ...more,
      ...held,
    });
  });
  return fakeStatus(sinks, {
    startedAt,
    lists: [
      { name: "analytics-tyk-system-analytics", claimed, live: 120 + Math.floor(90 * Math.sin(seconds)) },
      { name: "analytics-tyk-system-analytics_protobuf", claimed: Math.floor(claimed / 40), live: 0 },
    ],
    backlog: { bytes: 312 * MiB, records: 259_710, limit: 1024 * MiB, holding: null, orphans: ["elastic-old"] },
    slabs: { bytes: 24 * MiB, pinned: 9 * MiB },
    uptime: {
      active: true,
      running: 1,
      skipped: 0,
      dropped: 0,
      checks: [
        { name: "orders", state: "up", since: startedAt, status: 200, ms: 12, results: { ok: 740, timeout: 3 } },
        { name: "billing", state: "unknown", since: startedAt, status: 0, ms: 0, results: { ok: 0 } },
      ],
    },
  });
}

/** Spread over the two buckets about the middle, and a tail. */
function latencyOf(count: number, ms: number, seconds: number): SinkStatus["latency"] {
  const at = LATENCY_BOUNDS_MS.findIndex((bound) => bound >= ms * (1 + 0.3 * Math.sin(seconds / 11)));
  const counts = [...LATENCY_BOUNDS_MS, 0].map((_, i) =>
    Math.floor(count * (i < at - 1 ? 0 : i === at - 1 ? 0.4 : i === at ? 0.95 : i === at + 1 ? 0.995 : 1)),
  );
  return { counts, sumMs: count * ms, count: Math.floor(count) };
}

function fakeProfile(sink: string, seconds: number, cpu: boolean): Profile {
  const percentiles = { p50: 14, p90: 22, p99: 48, max: 120 };
  return {
    sink,
    type: "mongo",
    plugin: "@sluice/plugin-mongo 0.1.0",
    isolation: "worker",
    startedAt: Date.now() - seconds * 1000,
    seconds,
    state: "open",
    reason: null,
    actors: 2,
    records: 4200 * seconds,
    bytes: 4200 * 1200 * seconds,
    delivered: 4200 * seconds,
    filtered: 0,
    retries: 1,
    recordsPerSecond: 4200,
    bytesPerSecond: 4200 * 1200,
    calls: 42 * seconds,
    failedCalls: 0,
    callsPerSecond: 42,
    lagBefore: 0,
    lagAfter: 0,
    heldAfter: 0,
    oldestMs: 0,
    timeMs: { scan: 110, filter: 20, plugin: 820, other: 140, backEnd: 2900, retry: 0, records: 6000 },
    gcMs: 31,
    cpuShare: 0.22,
    busyShare: 0.11,
    heapBytes: 48 * MiB,
    heapPeakBytes: 66 * MiB,
    externalBytes: 12 * MiB,
    externalPeakBytes: 19 * MiB,
    eventLoopDelayMs: { p50: 0.2, p99: 3.1, max: 9 },
    callMs: percentiles,
    deliveryMs: percentiles,
    limit: { is: "nothing", why: "It keeps up: most of the time it waits for records.", help: "Nothing to do." },
    cpu: cpu
      ? { actor: 0, seconds, profile: JSON.stringify(fakeCpuProfile(seconds)), host: ["file:///app/sdk/"] }
      : null,
    notes: [],
  };
}

/** A .cpuprofile: nodes of a call tree, and which of them was seen after each interval. */
function fakeCpuProfile(seconds: number) {
  const tree: [id: number, name: string, url: string, children: number[]][] = [
    [1, "(root)", "", [2, 3, 4]],
    [2, "(idle)", "", []],
    [3, "run", "file:///app/sdk/runtime/writer-runner.ts", [5, 6, 12]],
    [4, "(garbage collector)", "", []],
    [5, "write", "file:///app/plugins/mongo/plugin.js", [7, 8]],
    [6, "scan", "file:///app/sdk/record/scanner.ts", [13]],
    [7, "serializeInto", "file:///app/plugins/mongo/plugin.js", [9, 10]],
    [8, "command", "file:///app/plugins/mongo/plugin.js", [11]],
    [9, "serializeString", "file:///app/plugins/mongo/plugin.js", []],
    [10, "serializeDate", "file:///app/plugins/mongo/plugin.js", []],
    [11, "writeBuffer", "node:internal/stream_base_commons", []],
    [12, "settle", "file:///app/sdk/runtime/gather.ts", []],
    [13, "readString", "file:///app/sdk/record/codec.ts", []],
  ];
  const weights = [2, 2, 2, 2, 9, 9, 9, 9, 7, 7, 10, 11, 8, 12, 13, 13, 6, 4];
  const interval = 1000;
  const samples = Array.from({ length: seconds * 200 }, (_, i) => weights[(i * 7) % weights.length]!);
  return {
    nodes: tree.map(([id, functionName, url, children]) => ({
      id,
      callFrame: { functionName, scriptId: "1", url, lineNumber: id * 10, columnNumber: 2 },
      children,
    })),
    startTime: 0,
    endTime: samples.length * interval,
    samples,
    timeDeltas: samples.map(() => interval),
  };
}

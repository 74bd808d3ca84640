import { Random } from "../random.ts";
import { MODES, type Mode } from "./far-end.ts";
import type { Poison, SinkPlan } from "./sinks.ts";

/** Something that happens. `at`: ms since the start; `ms`: how long it stays so. */
export type Event = { at: number } & (
  | { do: "push"; list: number; count: number; large: boolean }
  | { do: "kill"; instance: number; ms: number }
  | { do: "leave"; instance: number; ms: number }
  /** For so long it has other sinks. */
  | { do: "reload"; instance: number; without: readonly number[]; replaced: readonly number[]; ms: number }
  | { do: "freeze"; instance: number; ms: number }
  | { do: "cut"; instance: number }
  | { do: "block"; instance: number; ms: number }
  | { do: "delay"; instance: number; ms: number; by: number }
  | { do: "lose reply"; instance: number; to: string }
  | { do: "actor ends"; instance: number; sink: number; how: "crash" | "memory" | "loop" }
  | { do: "clock"; instance: number; by: number }
  | { do: "redis ends"; ms: number }
  | { do: "redis freezes"; ms: number }
  | { do: "redis rewinds"; ms: number }
  | { do: "redis refuses"; ms: number; what: string }
  | { do: "redis clock"; by: number }
  | { do: "group is lost"; sink: number }
  | { do: "far end"; sink: number; mode: Mode; ms: number }
);

export interface Plan {
  seed: number;
  /** `disk`: each instance moves what it gets to a file of its own. */
  engine: Engine;
  leaseMs: number;
  chunkRecords: number;
  lists: number;
  sinks: SinkPlan[];
  /** Which sinks each instance has. */
  instances: number[][];
  events: Event[];
}

export type Engine = "redis" | "disk";

const LENGTH_MS = 40_000;
const INTAKE = ["LLEN", "RENAMENX", "UNLINK", "EXISTS", "PERSIST"];
const REDIS_REPLIES = [
  "CLAIM",
  "GROUPS",
  "XREADGROUP",
  "XACK",
  "XCLAIM",
  "EXTEND",
  "RELEASE",
  "REJECT",
  "DELETE",
  "LRANGE",
];
const LOST_REPLIES: { readonly [engine in Engine]: readonly string[] } = {
  redis: REDIS_REPLIES,
  disk: [...INTAKE, "LRANGE"],
};
const REDIS_REFUSED = ["CLAIM", "XREADGROUP", "XACK", "EXTEND", "REJECT", "DELETE", "XPENDING", "RELEASE", "GROUPS"];
const REFUSED: { readonly [engine in Engine]: readonly string[] } = { redis: REDIS_REFUSED, disk: INTAKE };
const POISONS: readonly Poison[] = ["refused", "rejected", "thrown", "crash", "loop"];

/** All that a run is, drawn from its seed. */
export function planOf(seed: number): Plan {
  const random = new Random(seed, "plan");
  const engine = random.pick(["redis", "redis", "redis", "disk"] as const);
  const leaseMs = random.pick([2000, 4000]);
  const lists = random.pick([1, 1, 2]);
  const sinkCount = 1 + random.below(3);
  const pushes = pushesOf(random, lists);
  const records = pushes.reduce((sum, { count }) => sum + count, 0);
  const sinks = Array.from({ length: sinkCount }, (_, i) => sinkOf(random, i, records));
  const instanceCount = 1 + random.below(3);
  const instances = Array.from({ length: instanceCount }, (_, i) => {
    const all = sinks.map((_, sink) => sink);
    // The first has all: what no instance configures is delivered by none. Nor may what is on an instance's own disk wait for another.
    return i === 0 || engine === "disk" || random.chance(0.6) ? all : all.filter(() => random.chance(0.7));
  }).filter((own) => own.length > 0);
  const faults = Array.from({ length: 1 + random.below(12) }, () =>
    faultOf(random, engine, leaseMs, instances.length, sinkCount),
  );
  const events = [...pushes, ...faults].sort((a, b) => a.at - b.at);
  return { seed, engine, leaseMs, chunkRecords: 5 + random.below(25), lists, sinks, instances, events };
}

function pushesOf(random: Random, lists: number) {
  return Array.from({ length: 5 + random.below(25) }, () => ({
    at: random.between(0, LENGTH_MS),
    do: "push" as const,
    list: random.below(lists),
    count: 1 + random.below(random.chance(0.15) ? 400 : 40),
    large: random.chance(0.1),
  }));
}

function sinkOf(random: Random, i: number, records: number): SinkPlan {
  const kind = random.pick(["writer", "writer", "counter"] as const);
  const poisons = random.chance(0.35) ? 1 + random.below(3) : 0;
  return {
    name: `${kind}${i}`,
    kind,
    records: 10 + random.below(kind === "writer" ? 60 : 300),
    ms: random.pick(kind === "writer" ? [0, 0, 50] : [200, 1000]),
    concurrency: kind === "writer" ? random.pick([1, 1, 3]) : 1,
    latencyMs: random.pick([20, 20, 300, 1200]),
    actors: random.pick([1, 1, 2]),
    poison: {
      kind: random.pick(POISONS),
      numbers: new Set(Array.from({ length: poisons }, () => random.below(records))),
    },
  };
}

function faultOf(random: Random, engine: Engine, leaseMs: number, instances: number, sinks: number): Event {
  const at = random.between(500, LENGTH_MS);
  const instance = random.below(instances);
  const sink = random.below(sinks);
  // Some are over before a lease is, some are not.
  const ms = random.chance(0.3) ? random.between(leaseMs, 4 * leaseMs) : random.skewed(leaseMs);
  const faults: readonly (readonly [weight: number, fault: () => Event])[] = [
    [5, () => ({ at, do: "kill", instance, ms })],
    [2, () => ({ at, do: "leave", instance, ms })],
    [2, () => reload(random, at, instance, sinks, ms)],
    [4, () => ({ at, do: "freeze", instance, ms })],
    [3, () => ({ at, do: "cut", instance })],
    [3, () => ({ at, do: "block", instance, ms })],
    [2, () => ({ at, do: "delay", instance, ms, by: random.skewed(1500) })],
    [4, () => ({ at, do: "lose reply", instance, to: random.pick(LOST_REPLIES[engine]) })],
    [4, () => ({ at, do: "actor ends", instance, sink, how: random.pick(["crash", "crash", "memory", "loop"]) })],
    [1, () => ({ at, do: "clock", instance, by: random.between(-60_000, 60_000) })],
    [2, () => ({ at, do: "redis ends", ms })],
    [1, () => ({ at, do: "redis freezes", ms })],
    [1, () => ({ at, do: "redis rewinds", ms: random.between(100, 3000) })],
    [2, () => ({ at, do: "redis refuses", ms, what: random.pick(REFUSED[engine]) })],
    [1, () => ({ at, do: "redis clock", by: random.between(-60_000, 60_000) })],
    [1, () => ({ at, do: "group is lost", sink })],
    [6, () => ({ at, do: "far end", sink, mode: random.pick(MODES), ms: ms * 2 })],
  ];
  let left = random.below(faults.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, fault] of faults) {
    left -= weight;
    if (left < 0) return fault();
  }
  throw new Error("no fault");
}

function reload(random: Random, at: number, instance: number, sinks: number, ms: number): Event {
  const all = Array.from({ length: sinks }, (_, i) => i);
  const without = all.filter(() => random.chance(0.4));
  const replaced = all.filter((sink) => !without.includes(sink) && random.chance(0.5));
  return { at, do: "reload", instance, without, replaced, ms };
}

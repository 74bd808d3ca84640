import { Random } from "../random.ts";

/** Something that happens. `at`: ms since the start; `ms`: how long it stays so. */
export type Event = { at: number } & (
  | { do: "push"; count: number }
  | { do: "kill" | "leave" | "freeze"; instance: number; ms: number }
  | { do: "cut"; instance: number }
  | { do: "stall"; instance: number; ms: number }
  | { do: "delay"; instance: number; ms: number; by: number }
  | { do: "lose reply"; instance: number; to: string }
  | { do: "redis ends" | "redis freezes" | "redis is full"; ms: number }
  | { do: "redis cuts" }
  | { do: "redis refuses"; ms: number; what: string }
  | { do: "far end"; mode: string; ms: number }
);

export interface Plan {
  seed: number;
  /** Which sinks each instance has. */
  instances: readonly (readonly SinkName[])[];
  actors: number;
  /** Of each call of the sink that misbehaves, ms. */
  delay: number;
  poison: readonly number[];
  records: number;
  events: Event[];
}

export const SINKS = ["chaotic", "exact", "good"] as const;
export type SinkName = (typeof SINKS)[number];

const LENGTH_MS = 12_000;
/** Longest fault; a lease is a second. */
const LONGEST_MS = 3500;
const MODES = ["down", "slow 700", "hang", "garbage", "unsure", "half", "exit", "throw", "loop", "leak"];
const LOST_REPLIES = ["evalsha", "xreadgroup", "xack", "XCLAIM", "LRANGE"];
const REFUSED = ["xack", "xreadgroup", "xadd", "xclaim", "xpending", "evalsha", "lrange"];

/** All that a run is, drawn from its seed. */
export function planOf(seed: number): Plan {
  const random = new Random(seed, "real");
  const pushes = Array.from({ length: 12 }, (_, i) => ({
    at: Math.round((i * LENGTH_MS) / 12),
    do: "push" as const,
    count: 50 + random.below(random.chance(0.2) ? 3000 : 400),
  }));
  const records = pushes.reduce((sum, { count }) => sum + count, 0);
  const instances = Array.from({ length: random.pick([1, 2, 2, 3]) }, (_, i) =>
    i === 0 || random.chance(0.7) ? SINKS : SINKS.filter((name) => name !== "good"),
  );
  const faults = Array.from({ length: 2 + random.below(5) }, () => faultOf(random, instances.length));
  return {
    seed,
    instances,
    actors: random.pick([1, 1, 2]),
    delay: random.pick([0, 30, 200]),
    poison: random.chance(0.4) ? [random.below(records), random.below(records)] : [],
    records,
    events: [...pushes, ...faults].sort((a, b) => a.at - b.at),
  };
}

function faultOf(random: Random, instances: number): Event {
  const at = Math.round(random.between(300, LENGTH_MS));
  const instance = random.below(instances);
  const ms = Math.round(random.between(100, LONGEST_MS));
  return random.pick<() => Event>([
    () => ({ at, do: "kill", instance, ms }),
    () => ({ at, do: "kill", instance, ms }),
    () => ({ at, do: "leave", instance, ms }),
    () => ({ at, do: "freeze", instance, ms }),
    () => ({ at, do: "freeze", instance, ms }),
    () => ({ at, do: "cut", instance }),
    () => ({ at, do: "stall", instance, ms }),
    () => ({ at, do: "delay", instance, ms, by: Math.round(random.skewed(400)) }),
    () => ({ at, do: "lose reply", instance, to: random.pick(LOST_REPLIES) }),
    () => ({ at, do: "lose reply", instance, to: random.pick(LOST_REPLIES) }),
    () => ({ at, do: "redis ends", ms }),
    () => ({ at, do: "redis freezes", ms }),
    () => ({ at, do: "redis is full", ms }),
    () => ({ at, do: "redis cuts" }),
    () => ({ at, do: "redis refuses", ms, what: random.pick(REFUSED) }),
    () => ({ at, do: "far end", mode: random.pick(MODES), ms }),
    () => ({ at, do: "far end", mode: random.pick(MODES), ms }),
    () => ({ at, do: "far end", mode: random.pick(MODES), ms }),
  ])();
}

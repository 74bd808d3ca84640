import { Random } from "../random.ts";

/** Something that happens. `at`: ms since the start; `ms`: how long it stays so. */
export type Event = { at: number } & (
  | { do: "push"; count: number }
  | { do: "kill" | "leave" | "freeze"; instance: number; ms: number }
  | { do: "cut"; instance: number }
  | { do: "stall"; instance: number; ms: number }
  | { do: "delay"; instance: number; ms: number; by: number }
  | { do: "lose reply"; instance: number; to: string }
  | { do: "reload"; instance: number; without: readonly SinkName[]; replaced: readonly SinkName[]; ms: number }
  | { do: "clock"; instance: number; by: number }
  | RedisEvent
  | { do: "far end"; mode: string; ms: number }
  | DiskEvent
  | PostgresEvent
);

export type RedisEvent =
  | { do: "redis ends" | "redis freezes" | "redis is full"; ms: number }
  | { do: "redis cuts" }
  | { do: "redis refuses"; ms: number; what: string }
  /** Seconds. */
  | { do: "redis clock"; by: number }
  /** Asked for, or because the master is killed. */
  | { do: "failover"; killed: boolean; ms: number };
export type DiskEvent = { do: "disk is full"; ms: number };
/** `postgres stalls`: bytes pass no longer, the connections stay. */
export type PostgresEvent = { do: "postgres ends" | "postgres stalls"; ms: number } | { do: "postgres loses commit" };

export interface Plan {
  seed: number;
  /** One behind a proxy for each instance; or a master and a replica that Sentinels watch. */
  redis: "single" | "sentinels";
  /** All that there are in this run. */
  sinks: readonly SinkName[];
  /** Which of them each instance has. */
  instances: readonly (readonly SinkName[])[];
  actors: number;
  /** Of each call of the sink that misbehaves, ms. */
  delay: number;
  poison: readonly number[];
  records: number;
  events: Event[];
}

/** Of test/sinks. */
export const TEST_SINKS = ["chaotic", "exact", "good"] as const;
export type TestSinkName = (typeof TEST_SINKS)[number];
/** Those that Sluice brings, as they are. */
export type PluginName = "csv" | "sql_aggregate";
export type SinkName = TestSinkName | PluginName;

const LENGTH_MS = 12_000;
/** Longest fault; a lease is a second. */
const LONGEST_MS = 3500;
const MODES = ["down", "slow 700", "hang", "garbage", "unsure", "half", "exit", "throw", "loop", "leak"];
const LOST_REPLIES = ["evalsha", "xreadgroup", "xack", "XCLAIM", "LRANGE"];
const REFUSED = ["xack", "xreadgroup", "xadd", "xclaim", "xpending", "evalsha", "lrange"];
const CLOCKS_S = [-60, -5, 2, 5, 60];

/** All that a run is, drawn from its seed. */
export function planOf(seed: number): Plan {
  const random = new Random(seed, "real");
  const redis = random.chance(0.2) ? "sentinels" : "single";
  const plugins = (["csv", "sql_aggregate"] as const).filter((name) => random.chance(name === "csv" ? 0.4 : 0.2));
  const pushes = Array.from({ length: 12 }, (_, i) => ({
    at: Math.round((i * LENGTH_MS) / 12),
    do: "push" as const,
    count: 50 + random.below(random.chance(0.2) ? 3000 : 400),
  }));
  const records = pushes.reduce((sum, { count }) => sum + count, 0);
  const sinks: SinkName[] = [...TEST_SINKS, ...plugins];
  const instances = Array.from({ length: random.pick([1, 2, 2, 3]) }, (_, i) =>
    i === 0 || random.chance(0.7) ? sinks : sinks.filter((name) => name !== "good"),
  );
  const draw = (which: (random: Random, sinks: readonly SinkName[], instances: number) => Event) =>
    which(random, sinks, instances.length);
  const faults = Array.from({ length: 2 + random.below(5) }, () => {
    const own = plugins.length > 0 && random.chance(0.3);
    return draw(own ? pluginFault : redis === "single" && random.chance(0.6) ? singleFault : anyFault);
  });
  if (redis === "sentinels") faults.push(failover(random));
  return {
    seed,
    redis,
    sinks,
    instances,
    actors: random.pick([1, 1, 2]),
    delay: random.pick([0, 30, 200]),
    poison: random.chance(0.4) ? [random.below(records), random.below(records)] : [],
    records,
    events: [...pushes, ...faults].sort((a, b) => a.at - b.at),
  };
}

const instant = (random: Random) => Math.round(random.between(300, LENGTH_MS));
const length = (random: Random) => Math.round(random.between(100, LONGEST_MS));

/** What may happen to any deployment. */
function anyFault(random: Random, sinks: readonly SinkName[], instances: number): Event {
  const [at, ms, instance] = [instant(random), length(random), random.below(instances)];
  return random.pick<() => Event>([
    () => ({ at, do: "kill", instance, ms }),
    () => ({ at, do: "kill", instance, ms }),
    () => ({ at, do: "leave", instance, ms }),
    () => ({ at, do: "freeze", instance, ms }),
    () => ({ at, do: "freeze", instance, ms }),
    () => reload(random, at, instance, sinks),
    () => reload(random, at, instance, sinks),
    () => ({ at, do: "clock", instance, by: random.pick(CLOCKS_S) }),
    () => ({ at, do: "redis cuts" }),
    () => ({ at, do: "far end", mode: random.pick(MODES), ms }),
    () => ({ at, do: "far end", mode: random.pick(MODES), ms }),
    () => ({ at, do: "far end", mode: random.pick(MODES), ms }),
  ])();
}

function reload(random: Random, at: number, instance: number, sinks: readonly SinkName[]): Event {
  const ms = random.pick([0, 50, length(random)]);
  const without = sinks.filter(() => random.chance(0.4)).slice(1);
  const replaced = sinks.filter((name) => !without.includes(name) && random.chance(0.4));
  return { at, do: "reload", instance, without, replaced, ms };
}

/** With one Redis, which proxies stand before. */
function singleFault(random: Random, _: readonly SinkName[], instances: number): Event {
  const [at, ms, instance] = [instant(random), length(random), random.below(instances)];
  return random.pick<() => Event>([
    () => ({ at, do: "cut", instance }),
    () => ({ at, do: "stall", instance, ms }),
    () => ({ at, do: "delay", instance, ms, by: Math.round(random.skewed(400)) }),
    () => ({ at, do: "lose reply", instance, to: random.pick(LOST_REPLIES) }),
    () => ({ at, do: "lose reply", instance, to: random.pick(LOST_REPLIES) }),
    () => ({ at, do: "redis ends", ms }),
    () => ({ at, do: "redis freezes", ms }),
    () => ({ at, do: "redis is full", ms }),
    () => ({ at, do: "redis clock", by: random.pick(CLOCKS_S) }),
    () => ({ at, do: "redis refuses", ms, what: random.pick(REFUSED) }),
  ])();
}

function failover(random: Random): Event {
  return { at: instant(random), do: "failover", killed: random.chance(0.5), ms: length(random) };
}

function pluginFault(random: Random, sinks: readonly SinkName[]): Event {
  const [at, ms] = [instant(random), length(random)];
  return random.pick<() => Event>([
    ...(sinks.includes("csv") ? [() => ({ at, do: "disk is full" as const, ms })] : []),
    ...(sinks.includes("sql_aggregate")
      ? [
          () => ({ at, do: "postgres ends" as const, ms }),
          () => ({ at, do: "postgres stalls" as const, ms }),
          () => ({ at, do: "postgres loses commit" as const }),
        ]
      : []),
  ])();
}

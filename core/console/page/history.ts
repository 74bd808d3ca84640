import { LATENCY_BOUNDS_MS, type SinkStatus, type Status } from "../../supervisor/status.ts";

/** What the charts go back to, and the most points that they hold. */
const SPAN_MS = 5 * 60_000;
const POINTS = 300;
/** Rates are taken over so long, latencies over more: a slow sink settles a batch only now and then. */
const RATE_MS = 3000;
const LATENCY_MS = 10_000;
/** What comes sooner after the one before tells nothing of rates. */
const SOON_MS = 500;
/** Longer without a look: the line of a chart is broken. */
const GAP_MS = 5000;

/** Of one sink, at one moment. Null: nothing was settled of late. */
export interface Figures {
  /** Records acknowledged a second. */
  rate: number;
  bytesRate: number;
  /** Calls tried again, a second. */
  retries: number;
  /** Of one core, 0 to 1. */
  cpu: number;
  p50: number | null;
  p99: number | null;
  /** By number of the actor, of one core. */
  actorCpu: ReadonlyMap<number, number>;
}

/** Times in seconds, and for each sink a value for each of them. */
export interface Series {
  times: number[];
  rate: Map<string, (number | null)[]>;
  p50: Map<string, (number | null)[]>;
  p99: Map<string, (number | null)[]>;
  lag: Map<string, (number | null)[]>;
}

const KINDS = ["rate", "p50", "p99", "lag"] as const;

interface Sample {
  at: number;
  status: Status;
}

/** Snapshots in; rates, quantiles and bounded series out. */
export class History {
  readonly series: Series = { times: [], rate: new Map(), p50: new Map(), p99: new Map(), lag: new Map() };
  figures: ReadonlyMap<string, Figures> = new Map();
  /** Records claimed a second, by list. */
  claimed: ReadonlyMap<string, number> = new Map();
  #samples: Sample[] = [];

  /** `at`: milliseconds. A process that was started anew, or that was not looked at for a while, begins anew. */
  add(at: number, status: Status): void {
    const last = this.#samples.at(-1);
    if (last?.status.startedAt === status.startedAt && at >= last.at && at - last.at < SOON_MS) return;
    if (last !== undefined && (last.status.startedAt !== status.startedAt || at - last.at > GAP_MS)) {
      this.#samples = [];
      this.#push((last.at + 1) / 1000, () => null);
    }
    this.#samples.push({ at, status });
    while (this.#samples.length > 2 && at - this.#samples[1]!.at >= LATENCY_MS) this.#samples.shift();

    const then = this.#before(at - RATE_MS);
    const early = this.#samples[0]!;
    this.figures = new Map(status.sinks.map((sink) => [sink.name, figuresOf(sink, then, early, at)]));
    this.claimed = new Map(
      status.lists.map(({ name, claimed }) => [
        name,
        perSecond(claimed, then.status.lists.find((list) => list.name === name)?.claimed, at - then.at),
      ]),
    );
    // The first look knows no rates.
    if (then.at < at) {
      const byName = new Map(status.sinks.map((sink) => [sink.name, sink]));
      this.#push(at / 1000, (kind, name) =>
        kind === "lag" ? (byName.get(name)?.lag.records ?? null) : (this.figures.get(name)?.[kind] ?? null),
      );
    }
  }

  /** The youngest sample that is as old as this, or the oldest. */
  #before(at: number): Sample {
    return this.#samples.findLast((sample) => sample.at <= at) ?? this.#samples[0]!;
  }

  #push(time: number, value: (kind: (typeof KINDS)[number], name: string) => number | null): void {
    const { times } = this.series;
    times.push(time);
    const old = times.findIndex((one) => one >= time - SPAN_MS / 1000);
    const surplus = Math.max(old, times.length - POINTS);
    times.splice(0, surplus);
    for (const kind of KINDS) {
      const all = this.series[kind];
      for (const name of new Set([...all.keys(), ...this.figures.keys()])) {
        const values = all.get(name) ?? new Array<number | null>(times.length + surplus - 1).fill(null);
        values.push(value(kind, name));
        values.splice(0, surplus);
        // A sink that is gone, and seen in no chart any more.
        if (!this.figures.has(name) && values.every((one) => one === null)) all.delete(name);
        else all.set(name, values);
      }
    }
  }
}

function figuresOf(sink: SinkStatus, then: Sample, early: Sample, at: number): Figures {
  const of = (sample: Sample) => sample.status.sinks.find(({ name }) => name === sink.name);
  const before = of(then);
  const ms = at - then.at;
  const latency = since(sink.latency.counts, of(early)?.latency.counts);
  return {
    rate: perSecond(sink.delivered, before?.delivered, ms),
    bytesRate: perSecond(sink.deliveredBytes, before?.deliveredBytes, ms),
    retries: perSecond(sink.retries, before?.retries, ms),
    cpu: perSecond(sink.cpuSeconds, before?.cpuSeconds, ms),
    p50: quantile(latency, 0.5),
    p99: quantile(latency, 0.99),
    actorCpu: new Map(
      sink.actors.map(({ actor, cpuSeconds }) => [
        actor,
        perSecond(cpuSeconds, before?.actors.find((one) => one.actor === actor)?.cpuSeconds, ms),
      ]),
    ),
  };
}

/** 0 for a total that was not known before, or that fell back. */
function perSecond(now: number, before: number | undefined, ms: number): number {
  return before === undefined || ms <= 0 ? 0 : Math.max(0, ((now - before) * 1000) / ms);
}

/** Cumulative counts, less those of an earlier look. */
function since(counts: readonly number[], before: readonly number[] | undefined): number[] {
  const earlier = before !== undefined && (before.at(-1) ?? 0) <= (counts.at(-1) ?? 0) ? before : [];
  return counts.map((count, i) => count - (earlier[i] ?? 0));
}

/** What is within the first bound takes from half of it on: nothing is known below, and charts are logarithmic. */
const FASTEST = LATENCY_BOUNDS_MS[0] / 2;

/** Of a cumulative histogram over LATENCY_BOUNDS_MS, linear within a bucket; ms. */
export function quantile(counts: readonly number[], q: number): number | null {
  const total = counts.at(-1) ?? 0;
  if (total === 0) return null;
  const rank = q * total;
  const i = counts.findIndex((count) => count >= rank);
  const low = LATENCY_BOUNDS_MS[i - 1] ?? FASTEST;
  const high = LATENCY_BOUNDS_MS[i];
  if (high === undefined) return low;
  const below = counts[i - 1] ?? 0;
  const inside = counts[i]! - below;
  return inside === 0 ? high : low + ((high - low) * (rank - below)) / inside;
}

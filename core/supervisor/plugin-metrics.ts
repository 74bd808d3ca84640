import { LONGEST_NAME, MOST_SERIES, type Report } from "@sluice/sdk/runtime";

/** A metric of a plugin's own, summed over its actors. */
export interface PluginMetric {
  name: string;
  help: string;
  kind: "counter" | "gauge" | "histogram";
  /** Of a histogram: the sum of what was observed. */
  value: number;
  /** Of a histogram: how many were observed. */
  count: number;
}

interface Series {
  help: string;
  kind: PluginMetric["kind"];
  /** Of actors that ended; a gauge ends with its actor. */
  before: number;
  count: number;
  /** What each that runs and has it said last; 0 of a histogram. */
  byActor: Map<number, number>;
}

/** What the plugins of one sink measure themselves. A counter goes on over restarts of its actors. */
export class PluginMetrics {
  readonly #series = new Map<string, Series>();

  /** What is no metric is left out: records must not pay for it. */
  report(actor: number, metrics: Report["metrics"]): void {
    const sound = metrics.filter(isMetric);
    this.#makeRoom(new Set(sound.map(({ name }) => name)));
    for (const { name, help, kind, value } of sound) {
      let series = this.#series.get(name);
      if (!series && this.#series.size >= MOST_SERIES) continue;
      if (!series) this.#series.set(name, (series = { help, kind, before: 0, count: 0, byActor: new Map() }));
      if (Array.isArray(value)) {
        series.byActor.set(actor, 0);
        for (const observed of value) {
          if (!Number.isFinite(observed)) continue;
          series.count++;
          series.before += observed;
        }
      } else {
        series.byActor.set(actor, value);
      }
    }
  }

  /** Where there are too many, what no actor has that runs is forgotten: a plugin may name its metrics anew in each life. */
  #makeRoom(named: ReadonlySet<string>): void {
    const unknown = [...named].filter((name) => !this.#series.has(name));
    if (this.#series.size + unknown.length <= MOST_SERIES) return;
    for (const [name, { byActor }] of this.#series) {
      if (byActor.size === 0 && !named.has(name)) this.#series.delete(name);
    }
  }

  ended(actor: number): void {
    for (const series of this.#series.values()) {
      if (series.kind === "counter") series.before += series.byActor.get(actor) ?? 0;
      series.byActor.delete(actor);
    }
  }

  status(): PluginMetric[] {
    return [...this.#series].map(([name, { help, kind, before, count, byActor }]) => {
      let value = before;
      for (const of of byActor.values()) value += of;
      return { name, help, kind, value, count };
    });
  }
}

/** A thread may say anything. */
function isMetric(metric: Partial<Report["metrics"][number]> | null): boolean {
  if (typeof metric?.name !== "string" || metric.name.length > LONGEST_NAME) return false;
  return metric.kind === "histogram" ? Array.isArray(metric.value) : Number.isFinite(metric.value);
}

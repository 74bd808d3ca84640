import type { Report } from "@sluice/sdk/runtime";

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
  byActor: Map<number, number>;
}

/** What the plugins of one sink measure themselves. A counter goes on over restarts of its actors. */
export class PluginMetrics {
  readonly #series = new Map<string, Series>();

  /** What is no metric is left out: records must not pay for it. */
  report(actor: number, metrics: Report["metrics"]): void {
    for (const { name, help, kind, value } of metrics.filter(isMetric)) {
      let series = this.#series.get(name);
      if (!series) this.#series.set(name, (series = { help, kind, before: 0, count: 0, byActor: new Map() }));
      if (Array.isArray(value)) {
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
  if (typeof metric?.name !== "string") return false;
  return metric.kind === "histogram" ? Array.isArray(metric.value) : Number.isFinite(metric.value);
}

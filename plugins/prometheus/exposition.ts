import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import type { Family } from "./metric.ts";

/** The text of all metrics, one family at a time: the memory that a scrape takes is that of the largest. */
export interface Exposition {
  readonly type: string;
  pages(): AsyncIterable<string>;
}

/** Fills the library's registry with the totals when it is asked for them, and with the metrics of the process. */
export function exposition(families: readonly Family[]): Exposition {
  const registry = new Registry();
  // Those of Node would be this thread's alone: they are not exposed, so its event loop need not be looked at often.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 60_000 });
  for (const { name } of registry.getMetricsAsArray())
    if (name.startsWith("nodejs_")) registry.removeSingleMetric(name);
  for (const family of families) {
    const { name, help, type } = family.spec;
    register(registry, { name, help, type }, () => family.samples());
  }
  const dropped = {
    name: "sluice_prometheus_dropped_observations_total",
    help: "Observations left out because the metric has reached max_series.",
    type: "counter",
  };
  register(registry, dropped, () =>
    families.map(({ spec, dropped }) => ({ labels: { metric: spec.name }, value: dropped })),
  );
  const names = registry
    .getMetricsAsArray()
    .map(({ name }) => name)
    .sort();
  return {
    type: registry.contentType,
    async *pages() {
      for (const name of names) {
        // Like Go's library, nothing of a metric that has no series yet.
        const text = await registry.getSingleMetricAsString(name);
        if (/^[^#]/m.test(text)) yield `${text}\n`;
      }
    },
  };
}

/** The library's own metrics can only be counted up one by one; totals that exist already are given through `get`. */
function register(
  registry: Registry,
  about: { name: string; help: string; type: string },
  values: () => object[],
): void {
  registry.registerMetric({ ...about, get: async () => ({ ...about, values: values() }) } as unknown as Metric);
}

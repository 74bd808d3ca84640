import { type Metric, Registry } from "prom-client";
import type { Family, Sample } from "./metric.ts";

/** The text of all metrics, one family at a time: the memory that a scrape takes is that of the largest. */
export interface Exposition {
  readonly type: string;
  pages(): AsyncIterable<string>;
}

/** Of the whole process: what Go's library says about it, as far as a confined plugin may know. */
const PROCESS: readonly About[] = [
  {
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
    type: "counter",
    value: () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
  },
  {
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes.",
    type: "gauge",
    value: () => process.memoryUsage.rss(),
  },
  {
    name: "process_start_time_seconds",
    help: "Start time of the process since unix epoch in seconds.",
    type: "gauge",
    value: () => Math.round(Date.now() / 1000 - process.uptime()),
  },
].map(({ value, ...about }) => ({ ...about, samples: () => [{ labels: {}, value: value() }] }));

/** Fills the library's registry with the totals when it is asked for them. */
export function exposition(families: readonly Family[]): Exposition {
  const registry = new Registry();
  const dropped = {
    name: "sluice_prometheus_dropped_observations_total",
    help: "Observations left out because the metric has reached max_series.",
    type: "counter",
    samples: () => families.map(({ spec, dropped }) => ({ labels: { metric: spec.name }, value: dropped })),
  };
  const metrics = families.map((family) => ({ ...family.spec, samples: () => family.samples() }));
  for (const metric of [...PROCESS, ...metrics, dropped]) register(registry, metric);
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

interface About {
  name: string;
  help: string;
  type: string;
  samples(): Sample[];
}

/** The library's own metrics can only be counted up one by one; totals that exist already are given through `get`. */
function register(registry: Registry, { name, help, type, samples }: About): void {
  const about = { name, help, type };
  registry.registerMetric({ ...about, get: async () => ({ ...about, values: samples() }) } as unknown as Metric);
}

import { type Metric, Registry } from "prom-client";
import type { Family, Sample } from "./metric.ts";

/** Lines that are made at once: others may use the thread between two pages. */
const PAGE_LINES = 5000;

/** The text of all metrics in pages, so that a scrape takes little memory however many series there are. */
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
].map(({ value, ...about }) => ({ ...about, samples: () => [[{ labels: {}, value: value() }]] }));

/** All metrics in the order of their names; like Go's library, nothing of one that has no series yet. */
export function exposition(families: readonly Family[]): Exposition {
  const dropped: About = {
    name: "sluice_prometheus_dropped_observations_total",
    help: "Observations left out because the metric has reached max_series.",
    type: "counter",
    samples: () => families.map(({ spec, dropped }) => [{ labels: { metric: spec.name }, value: dropped }]),
  };
  const metrics = families.map((family): About => ({ ...family.spec, samples: () => family.samples() }));
  const all = [...PROCESS, ...metrics, dropped].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    type: Registry.PROMETHEUS_CONTENT_TYPE,
    async *pages() {
      for (const metric of all) yield* textOf(metric);
    },
  };
}

async function* textOf({ samples, ...about }: About): AsyncGenerator<string> {
  let head = true;
  for (const values of inPages(samples())) {
    // The library's own metrics can only be counted up one by one; totals that exist already are given through `get`.
    const registry = new Registry();
    registry.registerMetric({ ...about, get: async () => ({ ...about, values }) } as unknown as Metric);
    const text = await registry.getSingleMetricAsString(about.name);
    yield `${head ? text : text.replace(HEAD, "")}\n`;
    head = false;
  }
}

/** HELP and TYPE. */
const HEAD = /^#.*\n#.*\n/;

function* inPages(groups: Iterable<Sample[]>): Iterable<Sample[]> {
  let page: Sample[] = [];
  for (const group of groups) {
    page.push(...group);
    if (page.length < PAGE_LINES) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

interface About {
  name: string;
  help: string;
  type: string;
  samples(): Iterable<Sample[]>;
}

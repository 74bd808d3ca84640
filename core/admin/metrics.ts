import { collectDefaultMetrics, Gauge, type Metric, Registry } from "prom-client";
import type { Status } from "../supervisor/status.ts";
import { FAMILIES } from "./families.ts";

/** The text of /metrics: one snapshot of the status at each scrape, and the metrics of the process. */
export function createMetrics(status: () => Status, version: string): () => Promise<{ type: string; text: string }> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "sluice_build_info",
    help: "Always 1; the label tells the version.",
    labelNames: ["version"],
    registers: [registry],
  }).set({ version }, 1);

  let snapshot: Status;
  for (const { name, help, type, samples } of FAMILIES) {
    // The library's own counters can only be counted up; totals that exist already are given through `get`.
    const metric = {
      name,
      help,
      type,
      get: async () => ({
        name,
        help,
        type,
        values: samples(snapshot).map(({ name: metricName, ...sample }) =>
          metricName === undefined ? sample : { metricName, ...sample },
        ),
      }),
    };
    registry.registerMetric(metric as unknown as Metric);
  }

  return async () => {
    snapshot = status();
    return { type: registry.contentType, text: await registry.metrics() };
  };
}

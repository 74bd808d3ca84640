import type { Batch } from "@sluice/sdk";
import type { MetricSpec } from "./metric.ts";
import { Metrics, type MetricsOptions } from "./metrics.ts";

/** The series that a record counts in, one a line, with what it adds. */
export function seriesPreview(specs: readonly MetricSpec[], options: MetricsOptions): (batch: Batch) => string {
  return (batch) => {
    const metrics = new Metrics(specs, options);
    metrics.count(batch);
    const lines = metrics.families.flatMap((family) =>
      [...family.samples()].map((samples) => {
        // Of a histogram, the time that it has observed.
        const { metricName, labels, value } = samples.find((one) => one.metricName?.endsWith("_sum")) ?? samples[0]!;
        const named = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
        return `${metricName ?? family.spec.name}{${named.join(",")}} +${value}`;
      }),
    );
    return lines.join("\n");
  };
}

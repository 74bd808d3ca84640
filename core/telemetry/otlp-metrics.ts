import { type Attributes, type HrTime, ValueType } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import { FAMILIES, type Family, type Sample } from "../admin/families.ts";
import type { Status } from "../supervisor/status.ts";

/** Everything of /metrics that is computed from the status, as OpenTelemetry has it: same names, same labels. */
export function metricProducer(status: () => Status): MetricProducer {
  return {
    async collect() {
      const snapshot = status();
      const metrics = FAMILIES.map((family) => metricOf(family, snapshot));
      return {
        resourceMetrics: { resource: emptyResource(), scopeMetrics: [{ scope: { name: "sluice" }, metrics }] },
        errors: [],
      };
    },
  };
}

function metricOf({ name, help, type, samples }: Family, status: Status): MetricData {
  const times = { startTime: timeOf(status.startedAt), endTime: timeOf(Date.now()) };
  const values = samples(status);
  const shared = {
    descriptor: { name, description: help, unit: unitOf(name), valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (type === "histogram") {
    return {
      ...shared,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: histograms(values).map((one) => ({ ...times, ...one })),
    };
  }
  const dataPoints = values.map(({ labels, value }) => ({ ...times, attributes: labels, value }));
  if (type === "gauge") return { ...shared, dataPointType: DataPointType.GAUGE, dataPoints };
  return { ...shared, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
}

/** From cumulative buckets, one sample each, to one point for each set of labels. */
function histograms(samples: readonly Sample[]): Pick<DataPoint<Histogram>, "attributes" | "value">[] {
  const points = new Map<string, { attributes: Attributes; bounds: number[]; upTo: number[]; sum: number }>();
  for (const { name = "", labels, value } of samples) {
    const { le, ...attributes } = labels;
    const key = JSON.stringify(attributes);
    let point = points.get(key);
    if (!point) points.set(key, (point = { attributes, bounds: [], upTo: [], sum: 0 }));
    if (name.endsWith("_sum")) point.sum = value;
    if (le === undefined) continue;
    if (le !== "+Inf") point.bounds.push(Number(le));
    point.upTo.push(value);
  }
  return [...points.values()].map(({ attributes, bounds, upTo, sum }) => {
    const counts = upTo.map((count, i) => count - (upTo[i - 1] ?? 0));
    return { attributes, value: { buckets: { boundaries: bounds, counts }, sum, count: upTo.at(-1) ?? 0 } };
  });
}

function unitOf(name: string): string {
  if (/_bytes(_total)?$/.test(name)) return "By";
  return /_seconds(_total)?$/.test(name) ? "s" : "1";
}

function timeOf(ms: number): HrTime {
  return [Math.trunc(ms / 1000), Math.round((ms % 1000) * 1e6)];
}

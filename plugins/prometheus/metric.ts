import type { AnalyticsRecord } from "@sluice/sdk";
import type { LabelSets } from "./label-sets.ts";

/** One metric as configured, checked and complete. */
export interface MetricSpec {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "histogram";
  /** Names as configured; a histogram's own label `type` is not among them. */
  readonly labels: readonly string[];
  /** Histograms: values of `type`, and upper bounds of the buckets in ascending order, ms. */
  readonly types: readonly DurationType[];
  readonly bounds: readonly number[];
  /** Bytes of a key's end that are shown; undefined: keys are shown whole. */
  readonly keyEnd: number | undefined;
  /** Counts MCP records only. */
  readonly mcpOnly: boolean;
}

export type DurationType = "total" | "upstream" | "gateway";

/** One line of the exposition, as the library takes it. */
export interface Sample {
  /** Where it differs from the metric's: `<name>_bucket`, `_sum`, `_count`. */
  metricName?: string;
  labels: { [label: string]: string | number };
  value: number;
}

/** A metric's totals. */
export interface Family {
  readonly spec: MetricSpec;
  /** Observations that found no room. */
  readonly dropped: number;
  count(record: AnalyticsRecord): void;
  endBatch(): void;
  /** The lines of one label set after the other: those of one belong together, others may be counted between two. */
  samples(): Iterable<Sample[]>;
}

/** Gives the labels of a set (and of a histogram's `type`) in the order of their names, as Go's library writes them. */
export function labeller(spec: MetricSpec, sets: LabelSets): (set: number, type?: DurationType) => Sample["labels"] {
  const names = spec.type === "counter" ? spec.labels.toSorted() : [...spec.labels, "type"].sort();
  const places = names.map((name) => spec.labels.indexOf(name));
  return (set, type = "total") => {
    const labels: Sample["labels"] = {};
    for (let i = 0; i < names.length; i++) labels[names[i]!] = places[i]! < 0 ? type : sets.text(set, places[i]!);
    return labels;
  };
}

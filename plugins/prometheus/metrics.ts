import type { AnalyticsRecord, Batch } from "@sluice/sdk";
import { CounterFamily } from "./counter.ts";
import { HistogramFamily } from "./histogram.ts";
import { LabelSets } from "./label-sets.ts";
import { LabelValues } from "./label-values.ts";
import { labelSource } from "./labels.ts";
import type { Family, MetricSpec } from "./metric.ts";

export interface MetricsOptions {
  trackAllPaths: boolean;
  /** Histograms observe the mean of a batch. */
  means: boolean;
  /** Time series a metric. */
  maxSeries: number;
}

/** The totals of all metrics, in memory. */
export class Metrics {
  readonly families: readonly Family[];
  readonly #values = new LabelValues();
  /** Those that count every record, and those for MCP records only. */
  readonly #always: readonly Family[];
  readonly #mcp: readonly Family[];

  constructor(specs: readonly MetricSpec[], options: MetricsOptions) {
    this.families = specs.map((spec) => this.#family(spec, options));
    this.#always = this.families.filter(({ spec }) => !spec.mcpOnly);
    this.#mcp = this.families.filter(({ spec }) => spec.mcpOnly);
  }

  /** Gives how many observations found no room. */
  count(batch: Batch): number {
    const before = this.#dropped();
    for (const record of batch) this.#countRecord(record);
    for (const family of this.families) family.endBatch();
    return this.#dropped() - before;
  }

  #dropped(): number {
    return this.families.reduce((sum, { dropped }) => sum + dropped, 0);
  }

  #countRecord(record: AnalyticsRecord): void {
    this.#values.read(record);
    for (let i = 0; i < this.#always.length; i++) this.#always[i]!.count(record);
    if (this.#mcp.length > 0 && record.isMcp) for (const family of this.#mcp) family.count(record);
  }

  #family(spec: MetricSpec, { trackAllPaths, means, maxSeries }: MetricsOptions): Family {
    const { keyEnd, types, bounds } = spec;
    const columns = spec.labels.map((label) => this.#values.column(labelSource(label, { trackAllPaths, keyEnd })));
    const linesOfSet = spec.type === "counter" ? 1 : types.length * (bounds.length + 3);
    const sets = new LabelSets(this.#values, columns, Math.max(1, Math.floor(maxSeries / linesOfSet)));
    return spec.type === "counter" ? new CounterFamily(spec, sets) : new HistogramFamily(spec, sets, means);
  }
}

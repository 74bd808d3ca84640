import type { AnalyticsRecord } from "@sluice/sdk";
import { grown, type LabelSets } from "./label-sets.ts";
import { type DurationType, type Family, labeller, type MetricSpec, type Sample } from "./metric.ts";

/** Milliseconds of a record. `total` is the request time, not the latency of that name. */
const DURATIONS: { readonly [type in DurationType]: (record: AnalyticsRecord) => number } = {
  total: (record) => record.requestTime,
  upstream: (record) => record.latencyUpstream,
  gateway: (record) => record.latencyGateway,
};

/** Whole milliseconds below this find their bucket in a table. */
const SHORT = 1024;

/** How the durations of records are spread, by their labels and by `type`. */
export class HistogramFamily implements Family {
  readonly spec: MetricSpec;
  dropped = 0;
  readonly #sets: LabelSets;
  readonly #durations: readonly ((record: AnalyticsRecord) => number)[];
  readonly #width: number;
  /** The bucket of each short duration. */
  readonly #short: Uint16Array;
  /** A row for each set and type: how many lie in each bucket alone, the one without a bound last. */
  #buckets: Float64Array;
  /** A number for each row. */
  #sums = new Float64Array(16);
  /** Of this batch, by row, where only the mean of a batch is observed; else null. */
  readonly #batch: Map<number, { sum: number; hits: number }> | null;

  constructor(spec: MetricSpec, sets: LabelSets, means: boolean) {
    this.spec = spec;
    this.#sets = sets;
    this.#durations = spec.types.map((type) => DURATIONS[type]);
    this.#width = spec.bounds.length + 1;
    this.#buckets = new Float64Array(16 * this.#width);
    this.#short = Uint16Array.from({ length: SHORT }, (_, ms) => this.#search(ms));
    this.#batch = means ? new Map() : null;
  }

  count(record: AnalyticsRecord): void {
    const durations = this.#durations;
    const set = this.#sets.current();
    if (set < 0) {
      this.dropped += durations.length;
      return;
    }
    const first = set * durations.length;
    while (first + durations.length > this.#sums.length) {
      this.#sums = grown(this.#sums);
      this.#buckets = grown(this.#buckets);
    }
    for (let i = 0; i < durations.length; i++) {
      const value = durations[i]!(record);
      if (this.#batch === null) this.#observe(first + i, value);
      else add(this.#batch, first + i, value);
    }
  }

  endBatch(): void {
    if (this.#batch === null) return;
    for (const [row, { sum, hits }] of this.#batch) this.#observe(row, Math.trunc(sum / hits));
    this.#batch.clear();
  }

  *samples(): Iterable<Sample[]> {
    const { name, types, bounds } = this.spec;
    const labelsOf = labeller(this.spec, this.#sets);
    for (let row = 0; row < this.#sets.size * types.length; row++) {
      const labels = labelsOf(Math.floor(row / types.length), types[row % types.length]);
      const samples: Sample[] = [];
      let count = 0;
      for (let i = 0; i < this.#width; i++) {
        count += this.#buckets[row * this.#width + i]!;
        samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bounds[i] ?? "+Inf" }, value: count });
      }
      samples.push({ metricName: `${name}_sum`, labels, value: this.#sums[row]! });
      samples.push({ metricName: `${name}_count`, labels, value: count });
      yield samples;
    }
  }

  #observe(row: number, value: number): void {
    const bucket = value >= 0 && value < SHORT ? this.#short[value]! : this.#search(value);
    this.#buckets[row * this.#width + bucket]!++;
    this.#sums[row]! += value;
  }

  /** The first bucket whose bound is no less. */
  #search(value: number): number {
    const { bounds } = this.spec;
    let bucket = 0;
    while (bucket < bounds.length && bounds[bucket]! < value) bucket++;
    return bucket;
  }
}

function add(batch: Map<number, { sum: number; hits: number }>, row: number, value: number): void {
  const known = batch.get(row);
  if (known) {
    known.sum += value;
    known.hits++;
  } else batch.set(row, { sum: value, hits: 1 });
}

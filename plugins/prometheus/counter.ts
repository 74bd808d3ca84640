import { grown, type LabelSets } from "./label-sets.ts";
import { type Family, labeller, type MetricSpec, type Sample } from "./metric.ts";

/** One more for each record, by its labels. */
export class CounterFamily implements Family {
  readonly spec: MetricSpec;
  dropped = 0;
  readonly #sets: LabelSets;
  #totals = new Float64Array(16);

  constructor(spec: MetricSpec, sets: LabelSets) {
    this.spec = spec;
    this.#sets = sets;
  }

  count(): void {
    const set = this.#sets.current();
    if (set < 0) {
      this.dropped++;
      return;
    }
    if (set === this.#totals.length) this.#totals = grown(this.#totals);
    this.#totals[set]!++;
  }

  endBatch(): void {}

  *samples(): Iterable<Sample[]> {
    const labels = labeller(this.spec, this.#sets);
    for (let set = 0; set < this.#sets.size; set++) yield [{ labels: labels(set), value: this.#totals[set]! }];
  }
}

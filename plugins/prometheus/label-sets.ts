import type { LabelValues } from "./label-values.ts";

/** The sets of label values that one metric has series for, numbered from 0: a hash table over the numbers of the values. */
export class LabelSets {
  size = 0;
  readonly #values: LabelValues;
  readonly #columns: readonly number[];
  readonly #limit: number;
  /** `#columns.length` numbers a set. */
  #ids: Int32Array;
  /** Values come from records: nobody may know beforehand which sets collide. */
  readonly #seed = (Math.random() * 0x1_0000_0000) | 0;
  /** A set's number + 1, at the place that its hash says or behind; 0: free. */
  #table = new Int32Array(64);

  constructor(values: LabelValues, columns: readonly number[], limit: number) {
    this.#values = values;
    this.#columns = columns;
    this.#limit = limit;
    this.#ids = new Int32Array(16 * columns.length);
  }

  /** The set of the record at hand, made if it is new; -1 if it is and there is no room. */
  current(): number {
    const known = this.#find();
    return known < 0 ? this.#add() : known;
  }

  /** -1: there is none, or a value has no number yet. */
  #find(): number {
    const { ids } = this.#values;
    const columns = this.#columns;
    const table = this.#table;
    const sets = this.#ids;
    let hash = this.#seed;
    for (let i = 0; i < columns.length; i++) {
      const id = ids[columns[i]!]!;
      if (id < 0) return -1;
      hash = mix(hash, id);
    }
    const mask = table.length - 1;
    search: for (let at = hash & mask; ; at = (at + 1) & mask) {
      const set = table[at]! - 1;
      if (set < 0) return -1;
      const from = set * columns.length;
      for (let i = 0; i < columns.length; i++) if (sets[from + i] !== ids[columns[i]!]) continue search;
      return set;
    }
  }

  /** The text of one label's value. */
  text(set: number, label: number): string {
    return this.#values.text(this.#columns[label]!, this.#ids[set * this.#columns.length + label]!);
  }

  #add(): number {
    const width = this.#columns.length;
    if (this.size >= this.#limit || !this.#columns.every((column) => this.#values.keep(column))) return -1;
    // Other bytes may be the text of a series that is there, once what is not UTF-8 is replaced.
    const known = this.#find();
    if (known >= 0) return known;
    if ((this.size + 1) * width > this.#ids.length) this.#ids = grown(this.#ids);
    for (let i = 0; i < width; i++) this.#ids[this.size * width + i] = this.#values.ids[this.#columns[i]!]!;
    const set = this.size++;
    if (2 * this.size > this.#table.length) {
      this.#table = new Int32Array(2 * this.#table.length);
      for (let old = 0; old < set; old++) this.#place(old);
    }
    this.#place(set);
    return set;
  }

  #place(set: number): void {
    const mask = this.#table.length - 1;
    const width = this.#columns.length;
    let hash = this.#seed;
    for (let i = 0; i < width; i++) hash = mix(hash, this.#ids[set * width + i]!);
    let at = hash & mask;
    while (this.#table[at] !== 0) at = (at + 1) & mask;
    this.#table[at] = set + 1;
  }
}

function mix(hash: number, id: number): number {
  const mixed = Math.imul(hash ^ id, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** Twice as long, with what is there. */
export function grown<A extends Int32Array | Float64Array>(array: A): A {
  const longer = new (array.constructor as new (length: number) => A)(2 * array.length);
  longer.set(array);
  return longer;
}

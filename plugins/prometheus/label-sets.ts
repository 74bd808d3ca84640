import type { AnalyticsRecord } from "@sluice/sdk";
import type { LabelReader, LabelValue } from "./labels.ts";

/** Longer values are cut: whoever sends a request writes its path. */
const LONGEST_VALUE = 1024;
/** Characters of all values together. */
const MOST_CHARACTERS = 32 << 20;

/**
 * The label values of the record at hand, read once whatever the number of metrics, and a number for each value that is in
 * use: metrics are counted by numbers. Values are kept only with a series that needs them, so their number is bounded by
 * that of the series.
 */
export class LabelValues {
  /** Of the record at hand, by reader; -1: a value that no series has. */
  ids = new Int32Array(0);
  readonly #readers: LabelReader[] = [];
  readonly #values: LabelValue[] = [];
  readonly #known: Map<LabelValue, number>[] = [];
  readonly #texts: string[][] = [];
  #characters = 0;

  /** The place of a reader's values in `ids`. */
  column(reader: LabelReader): number {
    const at = this.#readers.indexOf(reader);
    if (at >= 0) return at;
    this.#known.push(new Map());
    this.#texts.push([]);
    this.#values.push("");
    this.ids = new Int32Array(this.#values.length);
    return this.#readers.push(reader) - 1;
  }

  read(record: AnalyticsRecord): void {
    const { ids } = this;
    const readers = this.#readers;
    for (let i = 0; i < readers.length; i++) {
      let value = readers[i]!(record);
      if (typeof value === "string" && value.length > LONGEST_VALUE) value = cut(value);
      this.#values[i] = value;
      ids[i] = this.#known[i]!.get(value) ?? -1;
    }
  }

  /** Keeps the value at hand; false if there is no room for it. */
  keep(column: number): boolean {
    if (this.ids[column]! >= 0) return true;
    const value = this.#values[column]!;
    const text = String(value);
    if (this.#characters + text.length > MOST_CHARACTERS) return false;
    this.#characters += text.length;
    this.#known[column]!.set(value, this.#texts[column]!.length);
    this.ids[column] = this.#texts[column]!.push(text) - 1;
    return true;
  }

  text(column: number, id: number): string {
    return this.#texts[column]![id]!;
  }
}

/** A copy: a slice would keep the whole value in memory. */
function cut(value: string): string {
  return Buffer.from(value.slice(0, LONGEST_VALUE)).toString();
}

/** The sets of label values that one metric has series for, numbered from 0: a hash table over the numbers of the values. */
export class LabelSets {
  size = 0;
  readonly #values: LabelValues;
  readonly #columns: readonly number[];
  readonly #limit: number;
  /** `#columns.length` numbers a set. */
  #ids: Int32Array;
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
    const { ids } = this.#values;
    const columns = this.#columns;
    const table = this.#table;
    const sets = this.#ids;
    let hash = 0;
    for (let i = 0; i < columns.length; i++) {
      const id = ids[columns[i]!]!;
      if (id < 0) return this.#add();
      hash = mix(hash, id);
    }
    const mask = table.length - 1;
    search: for (let at = hash & mask; ; at = (at + 1) & mask) {
      const set = table[at]! - 1;
      if (set < 0) return this.#add();
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
    let hash = 0;
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

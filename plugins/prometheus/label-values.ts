import type { AnalyticsRecord } from "@sluice/sdk";
import { FieldValues } from "@sluice/sdk/aggregate";
import type { LabelSource, TextSource, ValueSource } from "./labels.ts";

/** Bytes of a value; longer ones are cut: whoever sends a request writes its path. */
const LONGEST_VALUE = 1024;
/** Characters of all values together. */
const MOST_CHARACTERS = 32 << 20;

/** Numbers of the values of one source, from 0 on. */
interface Column {
  /** -1: a value that is not kept. */
  find(record: AnalyticsRecord): number;
  keep(record: AnalyticsRecord): number;
  text(id: number): string;
}

/**
 * The label values of the record at hand, read once whatever the number of metrics, and a number for each value that is in
 * use: metrics are counted by numbers. Values are kept only with a series that needs them, so their number is bounded by
 * that of the series.
 */
export class LabelValues {
  /** Of the record at hand, by column; -1: a value that no series has. */
  ids = new Int32Array(0);
  readonly #sources: LabelSource[] = [];
  readonly #columns: Column[] = [];
  #record: AnalyticsRecord | null = null;
  #characters = 0;

  /** The place of a source's values in `ids`. */
  column(source: LabelSource): number {
    const at = this.#sources.indexOf(source);
    if (at >= 0) return at;
    this.#columns.push("field" in source ? new TextColumn(source) : new ValueColumn(source));
    this.ids = new Int32Array(this.#columns.length);
    return this.#sources.push(source) - 1;
  }

  read(record: AnalyticsRecord): void {
    const { ids } = this;
    const columns = this.#columns;
    for (let i = 0; i < columns.length; i++) ids[i] = columns[i]!.find(record);
    this.#record = record;
  }

  /** Keeps the value at hand; false if there is no room for it. */
  keep(column: number): boolean {
    if (this.ids[column]! >= 0) return true;
    if (this.#characters >= MOST_CHARACTERS) return false;
    const id = this.#columns[column]!.keep(this.#record!);
    this.#characters += this.text(column, id).length;
    this.ids[column] = id;
    return true;
  }

  text(column: number, id: number): string {
    return this.#columns[column]!.text(id);
  }
}

class TextColumn implements Column {
  readonly #values: FieldValues;
  readonly #counts: TextSource["counts"];
  readonly #otherwise: number;

  constructor({ field, counts, otherwise }: TextSource) {
    this.#values = new FieldValues(field, LONGEST_VALUE);
    this.#counts = counts;
    this.#otherwise = this.#values.keepText(otherwise);
  }

  find(record: AnalyticsRecord): number {
    return this.#counts === null || this.#counts(record) ? this.#values.find(record) : this.#otherwise;
  }

  keep(record: AnalyticsRecord): number {
    return this.#values.keep(record);
  }

  text(id: number): string {
    return this.#values.text(id);
  }
}

class ValueColumn implements Column {
  readonly #value: ValueSource["value"];
  readonly #ids = new Map<string | number, number>();
  readonly #texts: string[] = [];

  constructor({ value }: ValueSource) {
    this.#value = value;
  }

  find(record: AnalyticsRecord): number {
    return this.#ids.get(this.#value(record)) ?? -1;
  }

  keep(record: AnalyticsRecord): number {
    const value = this.#value(record);
    const id = this.#texts.push(String(value)) - 1;
    this.#ids.set(value, id);
    return id;
  }

  text(id: number): string {
    return this.#texts[id]!;
  }
}

import { viewOf } from "../encode/output.ts";
import { analyticsSchema, type Leaf, leafOf } from "../record/fields.ts";
import { isRecord } from "../record/record.ts";
import { EDITED, type RecordTable } from "../record/table.ts";
import type { AnalyticsRecord, Field } from "../record/types.ts";
import { Symbols } from "./symbols.ts";

/**
 * Small numbers for the values of a text field, from 0 on: equal texts have one number, different ones have two. A value that
 * is known is found by its bytes; no string is made. Numbers are given by `keep` and `keepText` only, so the caller decides how
 * many values are held.
 */
export class FieldValues {
  readonly #leaf: Leaf;
  readonly #longest: number;
  readonly #symbols = new Symbols();
  /** Of each symbol; several where their bytes are one text once what is not UTF-8 is replaced. */
  readonly #numbers: number[] = [];
  readonly #texts: string[] = [];
  /** Numbers of texts that may have other bytes as well. */
  readonly #replaced = new Map<string, number>();
  #table: RecordTable | null = null;
  #view = viewOf(Buffer.alloc(0));

  /** `longest`: bytes of a value that count; what lies behind them is cut off. Throws Fatal for a field that is no text. */
  constructor(field: Field, longest: number) {
    this.#leaf = leafOf(analyticsSchema, field);
    if (this.#leaf.type !== "text") throw new TypeError(`The field ${field.name} is no text`);
    this.#longest = longest;
    // The symbol of "" is there from the start.
    this.#number(0);
  }

  /** The number of the record's value; -1: it has none. */
  find(record: AnalyticsRecord): number {
    const symbol = this.#symbol(record, false);
    return symbol < 0 ? -1 : this.#numbers[symbol]!;
  }

  /** The same, but one that has none gets one. */
  keep(record: AnalyticsRecord): number {
    return this.#number(this.#symbol(record, true));
  }

  keepText(text: string): number {
    return this.#number(this.#symbols.internText(text));
  }

  text(number: number): string {
    return this.#texts[number]!;
  }

  #symbol(record: AnalyticsRecord, add: boolean): number {
    if (!isRecord(record)) throw new TypeError("Only a record that the host has given can be used here");
    const { table, scope } = record.home;
    scope.check();
    if (table !== this.#table) {
      this.#table = table;
      this.#view = viewOf(table.bytes);
    }
    const word = record.row * table.stride + this.#leaf.slot;
    const start = table.slots[word]!;
    const end = Math.min(table.slots[word + 1]!, start + this.#longest);
    if (start < EDITED) return this.#symbols.intern(this.#view, start, end, add);
    return this.#symbols.intern(viewOf(table.edits), start - EDITED, end - EDITED, add);
  }

  #number(symbol: number): number {
    const known = this.#numbers[symbol];
    if (known !== undefined) return known;
    const text = this.#symbols.textOf(symbol);
    const replaced = text.includes("\ufffd");
    const number = (replaced ? this.#replaced.get(text) : undefined) ?? this.#texts.push(text) - 1;
    if (replaced) this.#replaced.set(text, number);
    // Symbols are numbered in order, and each comes by here.
    this.#numbers.push(number);
    return number;
  }
}

import type { Value } from "../database.ts";
import { quoteTable, type RowBuffer, type Table } from "../dialect.ts";
import { postgresDialect } from "./dialect.ts";
import { ListText } from "./list-text.ts";

/**
 * INSERT from lists, one a column, and one value for a column that has the same in all rows: for many rows a fraction of the price of
 * a parameter a value. Each row is written into the lists as it comes, so that what was made for it lives no longer.
 */
export class ColumnLists implements RowBuffer {
  size = 0;
  readonly #target: string;
  readonly #columns: readonly { type: string; list: ListText }[];

  constructor(table: Table) {
    const names = table.columns.map(({ name }) => postgresDialect.quote(name));
    this.#target = `INSERT INTO ${quoteTable(postgresDialect, table.name)} (${names.join(",")})`;
    this.#columns = table.columns.map(({ type }) => ({ type: postgresDialect.types[type], list: new ListText() }));
  }

  /** A parameter is a list: what it may be long is hardly a limit, so this is what bounds the memory. */
  get full(): boolean {
    return this.size >= postgresDialect.maxParameters;
  }

  add(row: readonly Value[]): void {
    for (let i = 0; i < row.length; i++) this.#columns[i]!.list.add(row[i]!);
    this.size++;
  }

  take(): { sql: string; values: Value[] } {
    const values: Value[] = [];
    const arrays: string[] = [];
    const names: string[] = [];
    const selected = this.#columns.map(({ type, list }, i) => {
      const parameter = `$${values.length + 1}`;
      const constant = list.same;
      values.push(list.take());
      if (constant) return `${parameter}::${type}`;
      // Bytes are sent as they are: those of a text are its characters.
      arrays.push(`${parameter}::text::${type}[]`);
      names.push(`c${i}`);
      return `c${i}`;
    });
    this.size = 0;
    // Rows differ at least in their keys: without lists there is one.
    const from = arrays.length === 0 ? "" : ` FROM unnest(${arrays.join(",")}) AS lists(${names.join(",")})`;
    return { sql: `${this.#target} SELECT ${selected.join(",")}${from}`, values };
  }
}

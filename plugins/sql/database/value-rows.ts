import type { Value } from "./database.ts";
import type { Dialect, RowBuffer, Table } from "./dialect.ts";
import { insertRows } from "./schema.ts";

/** Of the texts of a statement: even in three bytes each, or with escapes, they are less than a megabyte, MySQL's smallest limit. */
const MOST_CHARACTERS = 1 << 18;

/** The best that the database has. */
export function rowBufferOf(dialect: Dialect, table: Table): RowBuffer {
  return dialect.rowBuffer?.(table) ?? new ValueRows(dialect, table);
}

/** INSERT of many rows with a parameter for each value. */
class ValueRows implements RowBuffer {
  readonly #most: number;
  readonly #dialect: Dialect;
  readonly #table: Table;
  #values: Value[] = [];
  #characters = 0;

  constructor(dialect: Dialect, table: Table) {
    this.#dialect = dialect;
    this.#table = table;
    this.#most = Math.floor(dialect.maxParameters / table.columns.length);
  }

  get size(): number {
    return this.#values.length / this.#table.columns.length;
  }

  get full(): boolean {
    return this.size >= this.#most || this.#characters >= MOST_CHARACTERS;
  }

  add(row: readonly Value[]): void {
    this.#values.push(...row);
    for (const value of row) if (typeof value === "string") this.#characters += value.length;
  }

  take(): { sql: string; values: Value[] } {
    const names = this.#table.columns.map(({ name }) => name);
    const sql = insertRows(this.#dialect, this.#table.name, names, this.size);
    const values = this.#values;
    this.#values = [];
    this.#characters = 0;
    return { sql, values };
  }
}

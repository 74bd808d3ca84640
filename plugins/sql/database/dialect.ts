/** What the databases differ in, as data and small functions. Nothing here connects. */
import type { Session, Value } from "./database.ts";

/** Kinds of columns: each dialect says which SQL type it is. */
export type ColumnType =
  | "text" // any length
  | "key" // a text that an index or a primary key may hold whole
  | "integer" // 64 bit
  | "unsigned" // 64 bit, not below zero
  | "float" // double precision
  | "boolean"
  | "time"; // with a zone where the database has such a type

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

export interface Table {
  /** As configured, `schema.table` where it has a dot. */
  readonly name: string;
  readonly columns: readonly Column[];
  readonly primaryKey?: readonly string[];
}

export interface Index {
  readonly name: string;
  readonly columns: readonly string[];
}

export interface Dialect {
  /** As the configuration's `type` has it. */
  readonly name: string;
  /** For messages: "PostgreSQL". */
  readonly product: string;
  readonly types: { readonly [type in ColumnType]: string };
  /** Most characters of an ASCII text in a column of type "key". */
  readonly keyCharacters: number;
  /** Whether a column is known by any spelling of its name, in capitals or not. */
  readonly foldsCase: boolean;
  /** Most parameters of one statement. */
  readonly maxParameters: number;
  /** One identifier in its quotes, whatever characters it has. */
  quote(identifier: string): string;
  /** The n-th parameter of a statement, from 1. */
  parameter(n: number): string;
  /** A time as text that the database reads as a value of type "time". `nanos`: 0 to 999,999,999. */
  time(seconds: number, nanos: number): string;
  /** What follows the rows of an INSERT that updates the row which has the same key already. */
  onConflict(key: readonly string[], assignments: readonly string[]): string;
  /** In an assignment: the value that was to be inserted. */
  incoming(column: string): string;
  /** Where the database has something better than `ValueRows`. */
  rowBuffer?(table: Table): RowBuffer;
  /** A decimal number as a double, where the database tells them apart. */
  double(expression: string): string;
  /** The least or greatest of two expressions. */
  least(a: string, b: string): string;
  greatest(a: string, b: string): string;
  /** Statement that adds an index, if it is not there where the database can say so. */
  createIndex(table: Table, index: Index): string;
  /** Adds an index without holding up writers, where the database has more for that than a statement. Not in a transaction. */
  indexApart?(session: Session, table: Table, index: Index): Promise<void>;
  /** Whether a driver's error says that what was to be made, a table, column, index or row, is there already. */
  isThere(error: unknown): boolean;
  readonly catalogue: Catalogue;
}

/** Rows on their way into an INSERT. */
export interface RowBuffer {
  readonly size: number;
  /** Whether it is to be taken before more is added. */
  readonly full: boolean;
  /** A value for each column of the table, in order. The array may be used again. */
  add(row: readonly Value[]): void;
  /** The statement that inserts them all, of which there is at least one; afterwards it is empty. Its values last until the next `add`. */
  take(): { sql: string; values: Value[] };
}

/** Statements that ask what is there. */
export interface Catalogue {
  /** One column `name`: the columns of a table; no row: there is no such table. */
  columns(table: string): { sql: string; values: readonly string[] };
  /** A row: the table has an index of that name. */
  index(table: string, index: string): { sql: string; values: readonly string[] };
  /** One column `name`: all tables. */
  readonly tables: string;
}

/** `schema.table` in quotes: as in the reference, a dot separates the two. */
export function quoteTable(dialect: Dialect, table: string): string {
  const dot = table.indexOf(".");
  if (dot <= 0 || dot === table.length - 1) return dialect.quote(table);
  return `${dialect.quote(table.slice(0, dot))}.${dialect.quote(table.slice(dot + 1))}`;
}

/** Schema (null: the current one) and name of a table as configured. */
export function tableParts(table: string): { schema: string | null; name: string } {
  const dot = table.indexOf(".");
  if (dot <= 0 || dot === table.length - 1) return { schema: null, name: table };
  return { schema: table.slice(0, dot), name: table.slice(dot + 1) };
}

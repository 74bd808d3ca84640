/** What the databases differ in, as data and small functions. Nothing here connects. */
import type { Value } from "./database.ts";

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
  /**
   * INSERT of many rows with one parameter a column, where the database can unfold lists: for many rows a fraction of the price of one
   * a value. `columns` has the values of each column of the table, in order.
   */
  insertColumns?(table: Table, columns: readonly (readonly Value[])[]): { sql: string; values: Value[] };
  /** The least or greatest of two expressions. */
  least(a: string, b: string): string;
  greatest(a: string, b: string): string;
  /** Statement that adds an index if it is not there. `apart`: without holding up writers, where the database can; then not in a transaction. */
  createIndex(table: Table, index: Index, apart: boolean): string;
  /** Whether a driver's error says that what was to be made, a table, column, index or row, is there already. */
  isThere(error: unknown): boolean;
  readonly catalogue: Catalogue;
}

/** Statements that ask what is there. */
export interface Catalogue {
  /** One column `name`: the columns of a table; no row: there is no such table. */
  columns(table: string): { sql: string; values: readonly string[] };
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

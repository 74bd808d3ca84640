import { type Dialect, quoteTable, tableParts } from "../dialect.ts";
import { timeText } from "../time.ts";
import { ColumnLists } from "./column-lists.ts";
import { indexApart } from "./index-apart.ts";

const quote = (identifier: string) => `"${identifier.replaceAll('"', '""').replaceAll("\0", "")}"`;

export const postgresDialect: Dialect = {
  name: "postgres",
  product: "PostgreSQL",
  types: {
    text: "text",
    key: "text",
    integer: "bigint",
    unsigned: "bigint",
    float: "decimal",
    boolean: "boolean",
    time: "timestamptz",
  },
  // A row of an index takes 2,704 bytes, with a head.
  keyCharacters: 2690,
  foldsCase: false,
  maxParameters: 65_535,
  quote,
  parameter: (n) => `$${n}`,
  time: (seconds, nanos) => `${timeText(seconds, nanos)}+00`,
  onConflict: (key, assignments) =>
    `ON CONFLICT (${key.map(quote).join(", ")}) DO UPDATE SET ${assignments.join(", ")}`,
  incoming: (column) => `excluded.${quote(column)}`,
  rowBuffer: (table) => new ColumnLists(table),
  double: (expression) => `CAST(${expression} AS double precision)`,
  least: (a, b) => `LEAST(${a}, ${b})`,
  greatest: (a, b) => `GREATEST(${a}, ${b})`,
  createIndex: (table, index) =>
    `CREATE INDEX IF NOT EXISTS ${quote(index.name)} ON ${quoteTable(postgresDialect, table.name)} (${index.columns.map(quote).join(", ")})`,
  indexApart,
  // duplicate_table, duplicate_column; of two that make it at once: duplicate_object (its type), unique_violation (in the catalogue)
  isThere: (error) =>
    ["42P07", "42701", "42710", "23505"].includes((error as { code?: string } | undefined)?.code ?? ""),
  catalogue: {
    columns(table) {
      const { schema, name } = tableParts(table);
      return {
        sql: `SELECT column_name AS name FROM information_schema.columns WHERE table_name = $1 AND table_schema = ${schema === null ? "CURRENT_SCHEMA()" : "$2"}`,
        values: schema === null ? [name] : [name, schema],
      };
    },
    index(table, index) {
      const { schema } = tableParts(table);
      const names = schema === null ? [index] : [schema, index];
      return { sql: "SELECT 1 WHERE to_regclass($1::text) IS NOT NULL", values: [names.map(quote).join(".")] };
    },
    tables:
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA() AND table_type = 'BASE TABLE'",
  },
};

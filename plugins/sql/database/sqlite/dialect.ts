import { type Dialect, quoteTable, tableParts } from "../dialect.ts";
import { timeText } from "../time.ts";

const quote = (identifier: string) => `\`${identifier.replaceAll("`", "``").replaceAll("\0", "")}\``;

export const sqliteDialect: Dialect = {
  name: "sqlite",
  product: "SQLite",
  types: {
    text: "text",
    key: "text",
    integer: "integer",
    unsigned: "integer",
    float: "real",
    boolean: "numeric",
    time: "datetime",
  },
  keyCharacters: 2690,
  foldsCase: true,
  maxParameters: 32_766,
  quote,
  parameter: () => "?",
  time: (seconds, nanos) => `${timeText(seconds, nanos)}+00:00`,
  onConflict: (key, assignments) =>
    `ON CONFLICT (${key.map(quote).join(", ")}) DO UPDATE SET ${assignments.join(", ")}`,
  incoming: (column) => `excluded.${quote(column)}`,
  double: (expression) => expression,
  least: (a, b) => `MIN(${a}, ${b})`,
  greatest: (a, b) => `MAX(${a}, ${b})`,
  createIndex: (table, index) =>
    `CREATE INDEX IF NOT EXISTS ${quote(index.name)} ON ${quoteTable(sqliteDialect, table.name)} (${index.columns.map(quote).join(", ")})`,
  isThere: (error) =>
    /already exists|duplicate column|UNIQUE constraint/.test((error as Error | undefined)?.message ?? ""),
  catalogue: {
    columns(table) {
      const { schema, name } = tableParts(table);
      return { sql: "SELECT name FROM pragma_table_info(?, ?)", values: [name, schema ?? "main"] };
    },
    index: (_, index) => ({ sql: "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", values: [index] }),
    tables: "SELECT name FROM sqlite_master WHERE type = 'table'",
  },
};

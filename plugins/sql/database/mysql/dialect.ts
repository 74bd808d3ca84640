import { type Dialect, quoteTable, tableParts } from "../dialect.ts";
import { timeText } from "../time.ts";

export interface MysqlTypes {
  /** Above 0: texts are varchar of so many characters. */
  stringSize: number;
  /** Times without a fraction of a second. */
  wholeSeconds: boolean;
}

const quote = (identifier: string) => `\`${identifier.replaceAll("`", "``").replaceAll("\0", "")}\``;

/** As in Tyk Pump's tables. */
const KEY_CHARACTERS = 191;
/** Most bytes of an index's key in InnoDB; a number or time takes at most nine, a character four. */
const INDEX_BYTES = 3072;

export function mysqlDialect({ stringSize, wholeSeconds }: MysqlTypes): Dialect {
  const text = stringSize > 0 ? `varchar(${stringSize})` : "longtext";
  const dialect: Dialect = {
    name: "mysql",
    product: "MySQL",
    types: {
      text,
      key: `varchar(${KEY_CHARACTERS})`,
      integer: "bigint",
      unsigned: "bigint unsigned",
      float: "double",
      boolean: "boolean",
      time: wholeSeconds ? "datetime NULL" : "datetime(3) NULL",
    },
    keyCharacters: KEY_CHARACTERS,
    maxParameters: 65_535,
    quote,
    parameter: () => "?",
    time: timeText,
    onConflict: (_, assignments) => `ON DUPLICATE KEY UPDATE ${assignments.join(", ")}`,
    incoming: (column) => `VALUES(${quote(column)})`,
    least: (a, b) => `LEAST(${a}, ${b})`,
    greatest: (a, b) => `GREATEST(${a}, ${b})`,
    createIndex(table, index) {
      const typeOf = (name: string) => table.columns.find((column) => column.name === name)?.type ?? "text";
      // A longtext in an index needs a length: what is left, in equal shares.
      const long = index.columns.filter((name) => dialect.types[typeOf(name)] === text).length;
      const share = Math.floor((INDEX_BYTES - 9 * (index.columns.length - long)) / (4 * long));
      const columns = index.columns.map((name) =>
        dialect.types[typeOf(name)] === text ? `${quote(name)}(${share})` : quote(name),
      );
      return `CREATE INDEX ${quote(index.name)} ON ${quoteTable(dialect, table.name)} (${columns.join(", ")})`;
    },
    // table, column, key name, key
    isThere: (error) => [1050, 1060, 1061, 1062].includes((error as { errno?: number } | undefined)?.errno ?? 0),
    catalogue: {
      columns(table) {
        const { schema, name } = tableParts(table);
        return {
          sql: `SELECT column_name AS name FROM information_schema.columns WHERE table_name = ? AND table_schema = ${schema === null ? "DATABASE()" : "?"}`,
          values: schema === null ? [name] : [name, schema],
        };
      },
      tables:
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
    },
  };
  return dialect;
}

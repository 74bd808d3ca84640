import { UTC, type Zone } from "@sluice/sdk/record";
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
/** Characters of a longtext that an index has: of one alone as many as it can, as in Tyk Pump's tables; else 767 bytes, for InnoDB's older rows. */
const PREFIX_ALONE = 768;
const PREFIX = 191;

/** `zone`: that times are stored in. */
export function mysqlDialect({ stringSize, wholeSeconds }: MysqlTypes, zone: Zone = UTC): Dialect {
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
    foldsCase: true,
    maxParameters: 65_535,
    quote,
    parameter: () => "?",
    time: (seconds, nanos) => timeText(seconds + zone.at(seconds).offset, nanos),
    onConflict: (_, assignments) => `ON DUPLICATE KEY UPDATE ${assignments.join(", ")}`,
    incoming: (column) => `VALUES(${quote(column)})`,
    double: (expression) => expression,
    least: (a, b) => `LEAST(${a}, ${b})`,
    greatest: (a, b) => `GREATEST(${a}, ${b})`,
    createIndex(table, index) {
      const texts = new Set(table.columns.filter(({ type }) => type === "text").map(({ name }) => name));
      const most = index.columns.length === 1 ? PREFIX_ALONE : PREFIX;
      // Not more than a varchar has.
      const length = stringSize > 0 ? Math.min(stringSize, most) : most;
      const columns = index.columns.map((name) => (texts.has(name) ? `${quote(name)}(${length})` : quote(name)));
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
      index(table, index) {
        const { schema, name } = tableParts(table);
        return {
          sql: `SELECT 1 FROM information_schema.statistics WHERE table_name = ? AND index_name = ? AND table_schema = ${schema === null ? "DATABASE()" : "?"} LIMIT 1`,
          values: schema === null ? [name, index] : [name, index, schema],
        };
      },
      tables:
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
    },
  };
  return dialect;
}

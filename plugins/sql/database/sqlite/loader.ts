import type { AnalyticsRecord, SqlColumn } from "@sluice/sdk";
import type { LoadColumn } from "../database.ts";
import type { Loader } from "../driver.ts";
import { insertRows } from "../schema.ts";
import { sqliteDialect } from "./dialect.ts";
import type { SqliteConnection } from "./driver.ts";

type Bound = string | number | bigint | null;

/** A prepared statement with positional parameters, one transaction a batch. */
export function sqliteLoader(columns: readonly LoadColumn[]): Loader<SqliteConnection> {
  const values = columns.map(({ value }) => reader(value));
  const names = columns.map(({ name }) => name);
  return async (connection, table, batch, { done }) => {
    const statement = connection.statement(insertRows(sqliteDialect, table, names, 1));
    const row: Bound[] = new Array(values.length).fill(null);
    const outside = !connection.database.inTransaction;
    if (outside) await connection.begin();
    try {
      for (const record of batch) {
        for (let i = 0; i < values.length; i++) row[i] = values[i]!(record);
        statement.run(row);
      }
      if (outside) await connection.commit();
    } catch (error) {
      if (outside) await connection.rollback();
      throw error;
    }
    done(batch);
  };
}

/** Values as SQLite takes them; those of the reference's tables, as `encode.copyText` writes them. */
function reader(value: SqlColumn): (record: AnalyticsRecord) => Bound {
  if (typeof value === "function") return (record) => bound(value(record));
  switch (value.kind) {
    case "text":
      return (record) => record.text(value);
    case "number":
    case "boolean":
      return (record) => record.number(value);
    default:
      return (record) => record.text(value);
  }
}

function bound(value: string | number | boolean | null): Bound {
  return typeof value === "boolean" ? Number(value) : value;
}

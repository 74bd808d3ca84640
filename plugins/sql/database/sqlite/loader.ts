import { encode } from "@sluice/sdk";
import type { LoadColumn } from "../database.ts";
import type { Loader } from "../driver.ts";
import { insertRows } from "../schema.ts";
import { sqliteDialect } from "./dialect.ts";
import type { SqliteConnection } from "./driver.ts";

/** A prepared statement with positional parameters, one transaction a batch. */
export function sqliteLoader(columns: readonly LoadColumn[]): Loader<SqliteConnection> {
  const encoder = encode.sqlRows(
    columns.map(({ value }) => value),
    { offset: "+00:00" },
  );
  const names = columns.map(({ name }) => name);
  return async (connection, table, batch, { done }) => {
    const statement = connection.statement(insertRows(sqliteDialect, table, names, 1));
    const outside = !connection.database.inTransaction;
    if (outside) await connection.begin();
    try {
      for (const row of encoder.rows(batch)) statement.run(...row);
      if (outside) await connection.commit();
    } catch (error) {
      if (outside) await connection.rollback();
      throw error;
    }
    done(batch);
  };
}

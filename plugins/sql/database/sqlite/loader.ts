import { setImmediate as turn } from "node:timers/promises";
import { encode } from "@sluice/sdk";
import type { LoadColumn } from "../database.ts";
import type { Loader } from "../driver.ts";
import type { SqliteConnection } from "./driver.ts";
import { rowInserter } from "./row-inserter.ts";

/** A prepared statement with positional parameters, one transaction a batch. */
export function sqliteLoader(columns: readonly LoadColumn[]): Loader<SqliteConnection> {
  const encoder = encode.sqlRows(
    columns.map(({ value }) => value),
    { offset: "+00:00" },
  );
  const names = columns.map(({ name }) => name);
  return async (connection, table, batch, { done }) => {
    const insert = rowInserter(connection, table, names);
    const outside = !connection.database.inTransaction;
    if (outside) {
      // What has come meanwhile joins the next batch: inserting holds the thread, and each transaction waits for the disk.
      await turn();
      await connection.begin();
    }
    try {
      for (const row of encoder.rows(batch)) insert(row);
      if (outside) await connection.commit();
    } catch (error) {
      if (outside) await connection.rollback();
      throw error;
    }
    done(batch);
  };
}

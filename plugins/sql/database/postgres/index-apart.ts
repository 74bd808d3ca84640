import type { Session } from "../database.ts";
import { type Index, quoteTable, type Table, tableParts } from "../dialect.ts";
import { postgresDialect } from "./dialect.ts";

/** Of the table; others have locks by number, too. */
const LOCK = "(7310579::bigint << 32) + to_regclass($1::text)::oid::bigint";

/**
 * Makes an index beside writers. Two that do so at once wait for each other until the server ends one of them, and what that one leaves
 * behind is an index that no query uses and that is there for good. So only who gets the lock makes it, and makes anew what is left
 * behind.
 */
export async function indexApart(session: Session, table: Table, index: Index): Promise<void> {
  const on = quoteTable(postgresDialect, table.name);
  const { rows } = await session.query(
    `SELECT pg_try_advisory_lock(${LOCK}) AS mine, current_setting('lock_timeout') AS patience`,
    [on],
  );
  const { mine, patience } = rows[0] as { mine: boolean; patience: string };
  if (!mine) return;
  try {
    const { schema } = tableParts(table.name);
    const name = [...(schema === null ? [] : [schema]), index.name].map(postgresDialect.quote).join(".");
    const known = await session.query(
      "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1::text)",
      [name],
    );
    if (known.rows[0]?.valid === true) return;
    // For all that write there now, however long they take.
    await session.query("SET lock_timeout = 0");
    if (known.rows.length > 0) await session.query(`DROP INDEX CONCURRENTLY IF EXISTS ${name}`);
    await session.query(postgresDialect.createIndex(table, index).replace("INDEX", "INDEX CONCURRENTLY"));
  } finally {
    // The lock ends with the connection, too.
    await session
      .query(`SELECT pg_advisory_unlock(${LOCK}), set_config('lock_timeout', $2, false)`, [on, patience])
      .catch(() => {});
  }
}

import { encode } from "@sluice/sdk";
import type { LoadColumn } from "../database.ts";
import { type Dialect, quoteTable } from "../dialect.ts";
import type { Loader } from "../driver.ts";
import type { MysqlConnection } from "./driver.ts";

/** Bytes of a statement beside its rows. */
const HEAD = 16 * 1024;

/** INSERT with many rows, written as text straight from the records' bytes. `zone`: that times are stored in. */
export function mysqlLoader(dialect: Dialect, zone: string, columns: readonly LoadColumn[]): Loader<MysqlConnection> {
  const times = { zone, offset: "", zero: "0000-00-00 00:00:00" };
  const encoder = encode.sqlValues(
    columns.map(({ value }) => value),
    times,
  );
  const names = columns.map(({ name }) => dialect.quote(name)).join(",");
  return async (connection, table, batch, { rows, done }) => {
    const insert = `INSERT INTO ${quoteTable(dialect, table)} (${names}) VALUES `;
    const bytes = connection.maxPacket - HEAD;
    for (const { body, batch: part } of encoder.pages(batch, { records: rows, bytes })) {
      const { buffer, byteOffset, length } = body;
      await connection.run(insert + Buffer.from(buffer, byteOffset, length).toString());
      done(part);
    }
  };
}

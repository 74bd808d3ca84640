import { type Batch, encode } from "@sluice/sdk";
import type { LoadColumn } from "../database.ts";
import { quoteTable } from "../dialect.ts";
import type { Loader } from "../driver.ts";
import { CopyIn } from "./copy-in.ts";
import { postgresDialect } from "./dialect.ts";
import type { PostgresConnection } from "./driver.ts";

/** Rows go out as they are made: the server begins while the rest is written. */
const PIECE_BYTES = 256 * 1024;

/** COPY in text format, straight from the records' bytes. */
export function postgresLoader(columns: readonly LoadColumn[]): Loader<PostgresConnection> {
  const encoder = encode.copyText(columns.map(({ value }) => value));
  const names = columns.map(({ name }) => postgresDialect.quote(name)).join(",");
  function* pieces(batch: Batch): Iterable<Uint8Array> {
    for (const { body } of encoder.pages(batch, { bytes: PIECE_BYTES })) yield body;
  }
  return async ({ client }, table, batch, { until, rows, done }) => {
    const copy = `COPY ${quoteTable(postgresDialect, table)} (${names}) FROM STDIN`;
    for (let from = 0; from < batch.size; from += rows) {
      const part = batch.slice(from, from + rows);
      // Several statements in one message are one transaction: the limit is that of this one.
      const limit = `SET LOCAL statement_timeout = ${Math.max(1, until.deadline - Date.now())}`;
      await CopyIn.run(client, `${limit}; ${copy}`, pieces(part));
      done(part);
    }
  };
}

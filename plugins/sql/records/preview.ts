import { type AnalyticsRecord, type Batch, encode } from "@sluice/sdk";
import type { RecordColumn } from "./columns.ts";

/** The row of a record, a line a column. Values as PostgreSQL's `COPY` takes them, so that each is on one line. */
export function rowPreview(
  columns: readonly RecordColumn[],
  takes: (record: AnalyticsRecord) => boolean,
): (batch: Batch) => string | null {
  const rows = encode.copyText(columns.map(({ value }) => value));
  return (batch) => {
    if (!takes(batch.at(0))) return null;
    const text = Array.from(rows.pages(batch), ({ body }) => Buffer.from(body).toString()).join("");
    const values = text.replace(/\n$/, "").split("\t");
    return columns.map(({ name }, i) => `${name}: ${values[i]}`).join("\n");
  };
}

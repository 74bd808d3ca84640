import { csvEncoder } from "./csv.ts";
import { jsonEncoder } from "./json.ts";
import { type SqlColumn, sqlEncoder } from "./sql.ts";
import { sqlRows } from "./sql-rows.ts";
import { COPY_TEXT, SQL_VALUES } from "./sql-text.ts";
import type { SqlTimeOptions } from "./sql-times.ts";

export type { CsvColumn, CsvOptions } from "./csv.ts";
export type { EncodedPage, Encoder } from "./pages.ts";
export type { JsonOptions, Shape } from "./shape.ts";
export type { SqlColumn } from "./sql.ts";
export type { SqlTimeOptions } from "./sql-times.ts";

/** From bytes to bytes: encoders read the slots of a batch's records and make no JavaScript objects of them. */
export const encode = {
  csv: csvEncoder,
  json: jsonEncoder,
  /** Lines for PostgreSQL's COPY … FROM STDIN. */
  copyText: (columns: readonly SqlColumn[], times?: SqlTimeOptions) => sqlEncoder(columns, COPY_TEXT, times),
  /** `(…),(…)` for an INSERT of MySQL. */
  sqlValues: (columns: readonly SqlColumn[], times?: SqlTimeOptions) => sqlEncoder(columns, SQL_VALUES, times),
  /** Values of the same rows, for a driver that takes these. */
  sqlRows,
};

import type { Batch, SqlColumn } from "@sluice/sdk";
import type { Dialect } from "./dialect.ts";

/** What a parameter may be. Times are texts: `dialect.time`. */
export type Value = string | number | bigint | boolean | Uint8Array | null;
export type Row = { readonly [column: string]: unknown };

export interface Result {
  readonly rows: readonly Row[];
  /** Rows inserted, updated or deleted. */
  readonly changed: number;
}

/** Runs statements one after the other, on one connection where it is that of a transaction. */
export interface Session {
  /** One statement with positional parameters. 64-bit integers come as numbers. Throws Retryable, Refused or Fatal. */
  query(sql: string, values?: readonly Value[]): Promise<Result>;
}

/** Until when something may take: a call of the host is one. */
export interface Until {
  /** Milliseconds since 1970. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

export interface Database extends Session {
  readonly dialect: Dialect;
  /**
   * Runs `work` in one transaction and commits. Begun again, a few times, where the database gave it up in favour of another
   * (deadlock, serialization failure), so `work` must do nothing else. At the deadline the server is told to give up the statement,
   * all is rolled back, and this throws Retryable. What `work` throws rolls back and passes.
   */
  transaction<T>(work: (session: Session) => Promise<T>, until?: Until): Promise<T>;
  /** Runs `work` on one connection, each statement committed by itself. Its errors are the driver's; those that leave are not. */
  session<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /**
   * What puts a row for each record of a batch into a table with these columns, the fastest way that the database has. `within`: the
   * session of a transaction; else each statement is committed by itself.
   */
  loader(columns: readonly LoadColumn[]): (table: string, batch: Batch, load: Load, within?: Session) => Promise<void>;
  /** Waits for what is running, then closes all connections. */
  close(): Promise<void>;
}

/** A column, and which field or function of a record fills it. */
export interface LoadColumn {
  readonly name: string;
  readonly value: SqlColumn;
}

export interface Load {
  readonly until: Until;
  /** Most rows of one statement. */
  readonly rows: number;
  /** Told of each part of the batch that a statement has put in; committed, outside of a transaction. */
  done(part: Batch): void;
}

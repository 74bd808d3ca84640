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

export interface Database<S extends Session = Session> extends Session {
  readonly dialect: Dialect;
  /**
   * Runs `work` in one transaction and commits. Begun again, a few times, where the database gave it up in favour of another
   * (deadlock, serialization failure), so `work` must do nothing else. At the deadline the server is told to give up the statement,
   * all is rolled back, and this throws Retryable. What `work` throws rolls back and passes.
   */
  transaction<T>(work: (session: S) => Promise<T>, until?: Until): Promise<T>;
  /** Waits for what is running, then closes all connections. */
  close(): Promise<void>;
}

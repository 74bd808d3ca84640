import type { Batch } from "@sluice/sdk";
import type { Load, LoadColumn, Result, Session, Until, Value } from "./database.ts";
import type { Dialect } from "./dialect.ts";

/** Whose fault an error of a driver is. */
export type Fault =
  | "again" // the database gave a transaction up in favour of another: at once again
  | "retryable" // down, slow, full, read-only
  | "refused" // the data
  | "fatal"; // the configuration: password, missing right, no such database

/** One connection, not shared. Errors are the driver's own. */
export interface Connection extends Session {
  /** False: it must not be used again. */
  readonly usable: boolean;
  query(sql: string, values?: readonly Value[]): Promise<Result>;
  /** `until`: statements must not outlast it on the server either. */
  begin(until: Until | null): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Gives up what runs, here and on the server. The connection is not usable afterwards. */
  cancel(): void;
  close(): Promise<void>;
}

export interface Driver<C extends Connection = Connection> {
  readonly dialect: Dialect;
  connect(): Promise<C>;
  loader(columns: readonly LoadColumn[]): Loader<C>;
  fault(error: unknown): Fault;
}

/** Puts the records of a batch into a table, in statements of which each is all or nothing. */
export type Loader<C> = (connection: C, table: string, batch: Batch, load: Load) => Promise<void>;

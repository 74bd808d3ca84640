import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import type { Result, Row, Value } from "../database.ts";
import type { Connection, Driver, Fault } from "../driver.ts";
import { sqliteDialect } from "./dialect.ts";
import { sqliteLoader } from "./loader.ts";

/** How long to wait for another connection that writes. */
const BUSY_MS = 5000;
/** How long SQLite itself waits: the thread waits with it. */
const BLOCK_MS = 20;
/** Often enough to begin between two transactions of one that writes without a pause. */
const LOOK_MS = 3;

/** By primary result code: https://www.sqlite.org/rescode.html */
const BUSY = 5;
const REFUSED: readonly number[] = [18, 19, 20, 25];
const FATAL: readonly number[] = [3, 14, 23, 26];

/** 0: it is not SQLite's. */
function resultCode(error: unknown): number {
  return ((error as { errcode?: number } | undefined)?.errcode ?? 0) & 0xff;
}

function sqliteFault(error: unknown): Fault {
  const result = resultCode(error);
  // An integer of more than 64 bits.
  const unfit = (error as { code?: string } | undefined)?.code === "ERR_INVALID_ARG_VALUE";
  if (unfit || REFUSED.includes(result)) return "refused";
  return FATAL.includes(result) ? "fatal" : "retryable";
}

/** Tries until no other connection is in the way, without holding up the thread. */
async function patiently<T>(run: () => T): Promise<T> {
  const end = performance.now() + BUSY_MS;
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (resultCode(error) !== BUSY || performance.now() > end) throw error;
    }
    await sleep(LOOK_MS);
  }
}

/**
 * Node's own SQLite: binding values, which is most of what a row costs, takes it three quarters of what it takes an addon. All who open
 * such a file in this process must use the same copy: one that closes it frees the locks that another one holds
 * (https://www.sqlite.org/howtocorrupt.html#multiple_copies_of_sqlite_linked_into_the_same_application).
 */
export class SqliteConnection implements Connection {
  readonly database: DatabaseSync;
  usable = true;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string) {
    this.database = new DatabaseSync(file, { timeout: BLOCK_MS });
    try {
      // With WAL this loses no commit when the process dies; the last ones only when the machine does.
      this.database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    } catch (error) {
      this.database.close();
      throw error;
    }
  }

  /** Prepared once. */
  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.database.prepare(sql);
      if (this.#statements.size >= 64) this.#statements.clear();
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  async query(sql: string, values: readonly Value[] = []): Promise<Result> {
    const bound = values.map((value) => (typeof value === "boolean" ? Number(value) : value));
    return patiently(() => {
      const statement = this.statement(sql);
      if (statement.columns().length > 0) return { rows: statement.all(...bound) as Row[], changed: 0 };
      return { rows: [], changed: Number(statement.run(...bound).changes) };
    });
  }

  async begin(): Promise<void> {
    await patiently(() => this.statement("BEGIN IMMEDIATE").run());
  }

  async commit(): Promise<void> {
    this.statement("COMMIT").run();
  }

  async rollback(): Promise<void> {
    if (this.database.isTransaction) this.statement("ROLLBACK").run();
  }

  cancel(): void {
    this.usable = false;
    if (this.database.isOpen) this.database.close();
  }

  async close(): Promise<void> {
    this.cancel();
  }
}

/** `file`: a path. */
export function sqliteDriver(file: string): Driver<SqliteConnection> {
  return {
    dialect: sqliteDialect,
    connect: () => patiently(() => new SqliteConnection(file)),
    fault: sqliteFault,
    loader: sqliteLoader,
  };
}

import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import Sqlite from "better-sqlite3";
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

/** By result code: https://www.sqlite.org/rescode.html */
const FAULTS: readonly (readonly [code: RegExp, fault: Fault])[] = [
  [/^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/, "refused"],
  [/^SQLITE_(CANTOPEN|NOTADB|AUTH|PERM)/, "fatal"],
];

function sqliteFault(error: unknown): Fault {
  // The addon's own: an integer of more than 64 bits, a folder that is not there.
  if (error instanceof RangeError) return "refused";
  if (error instanceof TypeError && error.message.includes("directory does not exist")) return "fatal";
  const { code = "" } = (error ?? {}) as { code?: string };
  return FAULTS.find(([pattern]) => pattern.test(code))?.[1] ?? "retryable";
}

/** Tries until no other connection is in the way, without holding up the thread. */
async function patiently<T>(run: () => T): Promise<T> {
  const end = performance.now() + BUSY_MS;
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (!/^SQLITE_BUSY/.test((error as { code?: string }).code ?? "") || performance.now() > end) throw error;
    }
    await sleep(LOOK_MS);
  }
}

export class SqliteConnection implements Connection {
  readonly database: Sqlite.Database;
  usable = true;
  readonly #statements = new Map<string, Sqlite.Statement>();
  readonly #file: string;
  /** Which file it is; undefined: in memory. */
  readonly #inode: number | undefined;

  constructor(file: string) {
    this.#file = file;
    this.database = new Sqlite(file, { timeout: BLOCK_MS });
    this.#inode = inodeOf(file);
    try {
      this.database.pragma("journal_mode = WAL");
      // With WAL this loses no commit when the process dies; the last ones only when the machine does.
      this.database.pragma("synchronous = FULL");
    } catch (error) {
      this.database.close();
      throw error;
    }
  }

  /** Prepared once. */
  statement(sql: string): Sqlite.Statement {
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
      if (statement.reader) return { rows: statement.all(bound) as Row[], changed: 0 };
      return { rows: [], changed: statement.run(bound).changes };
    });
  }

  async begin(): Promise<void> {
    if (inodeOf(this.#file) !== this.#inode) {
      this.cancel();
      // What is written to it would be gone.
      throw new Error(`the file ${this.#file} was removed or replaced`);
    }
    await patiently(() => this.statement("BEGIN IMMEDIATE").run());
  }

  async commit(): Promise<void> {
    this.statement("COMMIT").run();
  }

  async rollback(): Promise<void> {
    if (this.database.inTransaction) this.statement("ROLLBACK").run();
  }

  cancel(): void {
    this.usable = false;
    this.database.close();
  }

  async close(): Promise<void> {
    this.cancel();
  }
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino;
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

import { type Batch, Retryable } from "@sluice/sdk";
import type { Database, Load, LoadColumn, Result, Session, Until, Value } from "./database.ts";
import type { Connection, Driver } from "./driver.ts";
import { sinkError } from "./errors.ts";

/** Times that a transaction is begun before others are let ahead. */
const TRIES = 3;
/** How long a server that is told of the end is waited for. */
const FAREWELL_MS = 1000;

export interface PoolOptions {
  /** Most connections at once; further callers wait. */
  connections: number;
}

/** A database over a driver: connections made as they are needed, kept while they work. Connects once, to see that it can. */
export async function openPool<C extends Connection>(
  driver: Driver<C>,
  options: PoolOptions = { connections: 2 },
): Promise<Database> {
  const pool = new Pool(driver, options.connections);
  await pool.probe();
  return pool;
}

class Pool<C extends Connection> implements Database {
  readonly #driver: Driver<C>;
  readonly #most: number;
  readonly #idle: C[] = [];
  readonly #waiting: (() => void)[] = [];
  #taken = 0;
  #closed = false;

  constructor(driver: Driver<C>, most: number) {
    this.#driver = driver;
    this.#most = most;
  }

  get dialect() {
    return this.#driver.dialect;
  }

  async probe(): Promise<void> {
    await this.#with(async () => {});
  }

  query(sql: string, values?: readonly Value[]): Promise<Result> {
    return this.#with((connection) => connection.query(sql, values));
  }

  session<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(work);
  }

  async transaction<T>(work: (session: Session) => Promise<T>, until?: Until): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#with((connection) => this.#run(connection, work, until ?? null));
      } catch (error) {
        const again = this.#driver.fault((error as Error).cause) === "again";
        if (!again || attempt === TRIES || until?.signal.aborted) throw error;
      }
    }
  }

  async #run<T>(connection: C, work: (session: Session) => Promise<T>, until: Until | null): Promise<T> {
    return this.#before(until, connection, async () => {
      try {
        await connection.begin(until);
        const result = await work(connection);
        await connection.commit();
        return result;
      } catch (error) {
        if (connection.usable) await connection.rollback().catch(() => connection.cancel());
        throw error;
      }
    });
  }

  loader(columns: readonly LoadColumn[]) {
    const run = this.#driver.loader(columns);
    return async (table: string, batch: Batch, load: Load, within?: Session): Promise<void> => {
      // Sessions come from `transaction` only: they are our own connections.
      if (within) await run(within as C, table, batch, load);
      else
        await this.#with((connection) =>
          this.#before(load.until, connection, () => run(connection, table, batch, load)),
        );
    };
  }

  /** Gives up at the deadline, here and on the server. */
  async #before<T>(until: Until | null, connection: C, work: () => Promise<T>): Promise<T> {
    if (!until) return work();
    const cancel = () => connection.cancel();
    if (until.signal.aborted) throw new Retryable(`${this.dialect.product} was not asked in time`);
    until.signal.addEventListener("abort", cancel, { once: true });
    try {
      return await work();
    } catch (error) {
      if (!until.signal.aborted) throw error;
      throw new Retryable(`${this.dialect.product} did not answer before the deadline`, { cause: error });
    } finally {
      until.signal.removeEventListener("abort", cancel);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#taken > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await Promise.all(this.#idle.splice(0).map(farewell));
  }

  /** Every error that leaves is the host's. */
  async #with<T>(use: (connection: C) => Promise<T>): Promise<T> {
    while (this.#taken >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#taken++;
    let connection: C | undefined;
    try {
      if (this.#closed) throw new Retryable(`The connection to ${this.dialect.product} is closed`);
      connection = this.#next() ?? (await this.#driver.connect());
      return await use(connection);
    } catch (error) {
      throw sinkError(this.#driver, error);
    } finally {
      if (connection?.usable) this.#idle.push(connection);
      this.#taken--;
      // All of them: one may be `close`, which takes nothing.
      for (const resume of this.#waiting.splice(0)) resume();
    }
  }

  #next(): C | undefined {
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (connection.usable) return connection;
    }
    return undefined;
  }
}

async function farewell(connection: Connection): Promise<void> {
  const timer = setTimeout(() => connection.cancel(), FAREWELL_MS);
  await connection.close().catch(() => {});
  clearTimeout(timer);
}

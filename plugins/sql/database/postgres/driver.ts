import pg from "pg";
import type { Result, Row, Until, Value } from "../database.ts";
import type { Connection, Driver } from "../driver.ts";
import type { PostgresTarget } from "./connection-string.ts";
import { postgresDialect } from "./dialect.ts";
import { postgresFault } from "./faults.ts";
import { postgresLoader } from "./loader.ts";

/** Longest that a statement waits for a lock, as in MySQL; its deadline may end it before. Making a table has none. */
const LOCK_SECONDS = 50;
const INT8 = 20;
/** Types whose text is not to be left as text: 64-bit integers become numbers, times stay texts. */
const types = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    oid === INT8
      ? Number
      : oid === 1184 || oid === 1114
        ? String
        : pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser,
};

export class PostgresConnection implements Connection {
  readonly client: pg.Client;
  usable = true;

  private constructor(client: pg.Client) {
    this.client = client;
    const lost = () => {
      this.usable = false;
    };
    // Without a listener an idle connection's end would end the thread.
    client.on("error", lost);
    client.on("end", lost);
  }

  static async open(config: pg.ClientConfig): Promise<PostgresConnection> {
    const connection = new PostgresConnection(new pg.Client({ ...config, types, keepAlive: true }));
    try {
      await connection.client.connect();
      if (!config.options?.includes("lock_timeout")) await connection.query(`SET lock_timeout = '${LOCK_SECONDS}s'`);
    } catch (error) {
      connection.cancel();
      throw error;
    }
    return connection;
  }

  async query(sql: string, values?: readonly Value[]): Promise<Result> {
    const result = await (values ? this.client.query(sql, values as Value[]) : this.client.query(sql));
    // One statement has one result.
    return { rows: result.rows as Row[], changed: result.rowCount ?? 0 };
  }

  async begin(until: Until | null): Promise<void> {
    // The server's own limit ends a statement whose client has gone away, too.
    const limit = until ? `; SET LOCAL statement_timeout = ${Math.max(1, until.deadline - Date.now())}` : "";
    await this.client.query(`BEGIN${limit}`);
  }

  async commit(): Promise<void> {
    const { command } = await this.client.query("COMMIT");
    // Of a transaction that has failed.
    if (command === "ROLLBACK") throw new Error("the transaction was rolled back");
  }

  async rollback(): Promise<void> {
    await this.client.query("ROLLBACK");
  }

  cancel(): void {
    this.usable = false;
    // @types/pg leaves it out.
    (this.client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  async close(): Promise<void> {
    this.usable = false;
    await this.client.end();
  }
}

export function postgresDriver(target: PostgresTarget): Driver<PostgresConnection> {
  return {
    dialect: postgresDialect,
    connect: () => target.connect(PostgresConnection.open),
    fault: postgresFault,
    loader: postgresLoader,
  };
}

import mysql, { type Connection as MysqlClient, type ResultSetHeader, type RowDataPacket } from "mysql2/promise";
import type { Result, Until, Value } from "../database.ts";
import type { Connection, Driver } from "../driver.ts";
import { type MysqlTypes, mysqlDialect } from "./dialect.ts";
import type { MysqlTarget } from "./dsn.ts";
import { mysqlFault } from "./faults.ts";

export class MysqlConnection implements Connection {
  readonly client: MysqlClient;
  usable = true;
  readonly #target: MysqlTarget;

  constructor(client: MysqlClient, target: MysqlTarget) {
    this.client = client;
    this.#target = target;
    const lost = () => {
      this.usable = false;
    };
    client.on("error", lost);
    client.on("end", lost);
  }

  async query(sql: string, values: readonly Value[] = []): Promise<Result> {
    const [result] = await this.client.query<RowDataPacket[] | ResultSetHeader>(sql, values.map(parameter));
    return Array.isArray(result) ? { rows: result, changed: 0 } : { rows: [], changed: result.affectedRows };
  }

  async begin(until: Until | null): Promise<void> {
    if (until) {
      const seconds = Math.max(1, Math.ceil((until.deadline - Date.now()) / 1000));
      await this.client.query(`SET lock_wait_timeout = ${seconds}, innodb_lock_wait_timeout = ${seconds}`);
    }
    await this.client.query("START TRANSACTION");
  }

  async commit(): Promise<void> {
    await this.client.query("COMMIT");
  }

  async rollback(): Promise<void> {
    await this.client.query("ROLLBACK");
  }

  cancel(): void {
    if (!this.usable) return;
    this.usable = false;
    const { threadId } = this.client as unknown as { threadId: number | null };
    this.client.destroy();
    // The server would go on with the statement, and with its locks.
    if (threadId !== null) void kill(this.#target, threadId);
  }

  async close(): Promise<void> {
    this.usable = false;
    await this.client.end();
  }
}

/** mysql2 writes booleans and byte arrays itself, but takes no other typed arrays than Buffers. */
function parameter(value: Value): Value {
  return value instanceof Uint8Array && !Buffer.isBuffer(value) ? Buffer.from(value) : value;
}

async function kill(target: MysqlTarget, threadId: number): Promise<void> {
  try {
    const connection = await open(target);
    await connection.query(`KILL ${threadId}`).catch(() => {});
    await connection.end();
  } catch {
    // It is down, or out of connections: nothing holds a lock then, or its own limit ends it.
  }
}

async function open(target: MysqlTarget): Promise<MysqlClient> {
  const { options, ssl, plainToo } = target;
  try {
    return await mysql.createConnection({
      ...options,
      supportBigNumbers: true,
      dateStrings: true,
      ...(ssl && { ssl }),
    });
  } catch (error) {
    if (!plainToo || (error as { code?: string }).code !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    return await mysql.createConnection({ ...options, supportBigNumbers: true, dateStrings: true });
  }
}

async function connect(target: MysqlTarget): Promise<MysqlConnection> {
  const client = await open(target);
  const connection = new MysqlConnection(client, target);
  try {
    // Values are escaped with backslashes.
    await client.query("SET SESSION sql_mode = REPLACE(@@SESSION.sql_mode, 'NO_BACKSLASH_ESCAPES', '')");
    for (const [name, value] of target.variables) {
      // As the DSN has it: a number, or text in its own quotes.
      await client.query(
        `SET ${client.escapeId(name)} = ${/^(-?[\d.]+|'[^'\\]*')$/.test(value) ? value : client.escape(value)}`,
      );
    }
  } catch (error) {
    connection.cancel();
    throw error;
  }
  return connection;
}

export function mysqlDriver(target: MysqlTarget, types: MysqlTypes): Driver<MysqlConnection> {
  return { dialect: mysqlDialect(types), connect: () => connect(target), fault: mysqlFault };
}

import { once } from "node:events";
import { Fatal } from "@sluice/sdk";
import { zoneNamed } from "@sluice/sdk/record";
import mysql, { type ConnectionOptions } from "mysql2";
import type { Connection as MysqlClient, ResultSetHeader, RowDataPacket } from "mysql2/promise";
import type { Result, Value } from "../database.ts";
import type { Connection, Driver } from "../driver.ts";
import { type MysqlTypes, mysqlDialect } from "./dialect.ts";
import type { MysqlTarget } from "./dsn.ts";
import { mysqlFault } from "./faults.ts";
import { mysqlLoader } from "./loader.ts";

/** Longest that a statement waits for a lock; its deadline may end it before. */
const LOCK_SECONDS = 50;
/** Values are escaped with backslashes; Go's zero time is stored as zeros, as Tyk Pump stores it; what does not fit is an error. */
const SQL_MODE = ["NO_BACKSLASH_ESCAPES", "NO_ZERO_IN_DATE", "NO_ZERO_DATE", "TRADITIONAL"].reduce(
  (mode, name) => `REPLACE(${mode}, '${name}', '')`,
  "CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')",
);

export class MysqlConnection implements Connection {
  readonly client: MysqlClient;
  usable = true;
  /** Most bytes of a statement. */
  maxPacket = 1 << 20;
  readonly #target: MysqlTarget;
  /** Gives up the query that is waited for: a connection that is destroyed does not answer it. */
  #giveUp: (error: Error) => void = () => {};
  #cancelled = false;

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
    const [result] = await this.run(sql, values);
    return Array.isArray(result) ? { rows: result, changed: 0 } : { rows: [], changed: result.affectedRows };
  }

  /** As mysql2 gives it. */
  run(sql: string, values: readonly Value[] = []) {
    type Answer = Awaited<ReturnType<typeof this.client.query<RowDataPacket[] | ResultSetHeader>>>;
    const text = values.length === 0 ? sql : mysql.format(sql, values.map(parameter));
    return new Promise<Answer>((resolve, reject) => {
      this.#giveUp = reject;
      const bytes = Buffer.byteLength(text);
      if (bytes < this.maxPacket) this.client.query<RowDataPacket[] | ResultSetHeader>(text).then(resolve, reject);
      else reject(tooLarge(bytes, this.maxPacket));
    });
  }

  async begin(): Promise<void> {
    await this.run("START TRANSACTION");
  }

  async commit(): Promise<void> {
    await this.run("COMMIT");
  }

  async rollback(): Promise<void> {
    await this.run("ROLLBACK");
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.usable = false;
    const { threadId } = this.client as unknown as { threadId: number | null };
    this.client.destroy();
    this.#giveUp(new Error("the statement was given up"));
    // The server would go on with the statement, and with its locks.
    if (threadId !== null) void kill(this.#target, threadId);
  }

  async close(): Promise<void> {
    this.usable = false;
    await new Promise<void>((resolve) => {
      this.#giveUp = () => resolve();
      this.client.end().then(resolve, () => resolve());
    });
  }
}

/** What the server would say, and then hang up: often its answer is lost, and nothing tells that from a server that is down. */
function tooLarge(bytes: number, most: number): Error {
  const message = `a statement of ${bytes} bytes is more than max_allowed_packet (${most})`;
  return Object.assign(new Error(message), { errno: 1153, code: "ER_NET_PACKET_TOO_LARGE" });
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

const CLIENT = {
  supportBigNumbers: true,
  dateStrings: true,
  // Is done; mysql2 would look for placeholders in megabytes of rows.
  queryFormat: (sql: string) => sql,
};

async function open({ options, ssl, plainToo }: MysqlTarget): Promise<MysqlClient> {
  try {
    return await dial({ ...options, ...CLIENT, ...(ssl && { ssl }) });
  } catch (error) {
    if (!plainToo || (error as { code?: string }).code !== "HANDSHAKE_NO_SSL_SUPPORT") throw error;
    return await dial({ ...options, ...CLIENT });
  }
}

async function dial(options: ConnectionOptions): Promise<MysqlClient> {
  const connection = mysql.createConnection(options);
  // A connection may fail twice, and without a listener the second time would end the thread.
  connection.on("error", () => {});
  try {
    await once(connection, "connect");
    return connection.promise();
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function connect(target: MysqlTarget): Promise<MysqlConnection> {
  const client = await open(target);
  const connection = new MysqlConnection(client, target);
  try {
    await client.query(`SET SESSION lock_wait_timeout = ${LOCK_SECONDS}, innodb_lock_wait_timeout = ${LOCK_SECONDS}`);
    for (const [name, value] of target.variables) {
      // As the DSN has it: a number, or text in its own quotes.
      await client.query(
        `SET ${client.escapeId(name)} = ${/^(-?[\d.]+|'[^'\\]*')$/.test(value) ? value : client.escape(value)}`,
      );
    }
    // Behind those of the DSN: values would be misread in another mode.
    await client.query(`SET SESSION sql_mode = ${SQL_MODE}`);
    const [rows] = await client.query<RowDataPacket[]>("SELECT @@max_allowed_packet AS bytes");
    connection.maxPacket = Number(rows[0]!.bytes);
  } catch (error) {
    connection.cancel();
    throw error;
  }
  return connection;
}

/** Throws Fatal for a zone that there is not. */
export function mysqlDriver(target: MysqlTarget, types: MysqlTypes): Driver<MysqlConnection> {
  const zone = zoneNamed(target.loc);
  if (!zone) throw new Fatal(`connection_string: loc is no time zone; use a name like Europe/Berlin, UTC or Local`);
  const dialect = mysqlDialect(types, zone);
  return {
    dialect,
    connect: () => connect(target),
    fault: mysqlFault,
    loader: (columns) => mysqlLoader(dialect, target.loc, columns),
  };
}

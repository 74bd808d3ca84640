import { join } from "node:path";
import mysql from "mysql2/promise";
import { CouldNotRun } from "./could-not-run.ts";
import { freePort } from "./redis.ts";
import { findProgram, serverFolder, startServer, type TestServer } from "./server.ts";

export interface MariadbOptions {
  /** Lines of the server's section as flags. */
  flags?: { [name: string]: string };
}

/** A real MariaDB; user `root` without a password, database `sluice`. */
export interface TestMariadb extends TestServer {
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  readonly dsn: string;
  /** Runs statements; rows of the last one. */
  query(sql: string, values?: unknown[]): Promise<{ [column: string]: unknown }[]>;
}

export async function startMariadb(options: MariadbOptions = {}): Promise<TestMariadb> {
  const install = findProgram("mariadb-install-db", "mysql_install_db");
  const mariadbd = findProgram("mariadbd");
  if (!install || !mariadbd) throw new CouldNotRun("mariadbd is missing; install mariadb-server to run this");
  const place = await serverFolder("maria", ["mysql", "nobody"]);
  const { folder } = place;
  const host = "127.0.0.1";
  const port = await freePort();
  const connect = { host, port, user: "root", supportBigNumbers: true, bigNumberStrings: true, dateStrings: true };
  const query = async (sql: string, values: unknown[] = [], database: string | undefined = "sluice") => {
    const client = await mysql.createConnection({ ...connect, ...(database && { database }) });
    try {
      const [rows] = await client.query(sql, values);
      return Array.isArray(rows) ? (rows as { [column: string]: unknown }[]) : [];
    } finally {
      await client.end();
    }
  };
  const flags = {
    "bind-address": host,
    port: String(port),
    datadir: join(folder, "data"),
    socket: join(folder, "sock"),
    "pid-file": join(folder, "pid"),
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-buffer-pool-size": "64M",
    "skip-name-resolve": "1",
    "performance-schema": "0",
    "max-connections": "20",
    "default-time-zone": "+00:00",
    ...options.flags,
  };
  const server = await startServer(
    {
      name: "MariaDB",
      users: ["mysql", "nobody"],
      prepare: [
        install,
        "--no-defaults",
        `--datadir=${join(folder, "data")}`,
        ...["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"],
      ],
      command: [mariadbd, "--no-defaults", ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
      ping: () => query("CREATE DATABASE IF NOT EXISTS sluice CHARACTER SET utf8mb4", [], ""),
    },
    place,
  );
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    host,
    port,
    folder,
    dsn: `root@tcp(${host}:${port})/sluice`,
    query: (sql, values) => query(sql, values),
  };
}

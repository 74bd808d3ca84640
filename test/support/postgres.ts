import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import { CouldNotRun } from "./could-not-run.ts";
import { freePort } from "./redis.ts";
import { findProgram, serverFolder, startServer, type TestServer } from "./server.ts";

export interface PostgresOptions {
  /** Asked for on each connection; none by default. */
  password?: string;
  /** Lines of postgresql.conf. */
  flags?: { [name: string]: string };
}

/** A real PostgreSQL, user and database `sluice`. */
export interface TestPostgres extends TestServer {
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  /** Without the password. */
  readonly dsn: string;
  /** Runs a statement as the superuser; rows as objects, int8 as text. */
  query(sql: string, values?: unknown[], database?: string): Promise<{ [column: string]: unknown }[]>;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const initdb = findProgram("initdb", "/usr/lib/postgresql/*/bin/initdb");
  if (!initdb) throw new CouldNotRun("initdb is missing; install postgresql to run this");
  const place = await serverFolder("pg", ["postgres", "nobody"]);
  const { folder } = place;
  const host = "127.0.0.1";
  const port = await freePort();
  const secret = join(folder, "password");
  const { password } = options;
  if (password !== undefined) await writeFile(secret, password, { mode: 0o644 });
  const connect = { host, port, user: "sluice", ...(password !== undefined && { password }) };
  const query = async (sql: string, values: unknown[] = [], database = "postgres") => {
    const client = new pg.Client({ ...connect, database });
    client.on("error", () => {});
    await client.connect();
    try {
      const { rows } = await client.query({ text: sql, values, ...(values.length === 0 && { queryMode: "simple" }) });
      return (rows ?? []) as { [column: string]: unknown }[];
    } finally {
      await client.end();
    }
  };
  const flags = {
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: folder,
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    shared_buffers: "64MB",
    max_connections: "20",
    ...options.flags,
  };
  const server = await startServer(
    {
      name: "PostgreSQL",
      users: ["postgres", "nobody"],
      prepare: [
        initdb,
        ...["-D", join(folder, "data"), "-U", "sluice", "--no-sync", "-E", "UTF8", "--locale=C"],
        ...(password === undefined ? ["-A", "trust"] : ["-A", "scram-sha-256", "--pwfile", secret]),
      ],
      command: [
        join(dirname(initdb), "postgres"),
        ...["-D", join(folder, "data")],
        ...Object.entries(flags).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      env: { TZ: "UTC" },
      ping: () => query("SELECT 1"),
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
    dsn: `host=${host} port=${port} user=sluice dbname=postgres sslmode=disable`,
    query,
  };
}

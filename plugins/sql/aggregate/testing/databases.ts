import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterAll, beforeAll } from "vitest";
import { startMariadb } from "../../../../test/support/mariadb.ts";
import { startPostgres } from "../../../../test/support/postgres.ts";

export type TestRow = { [column: string]: unknown };

/** A real database: what a sink is given of it, and a way of the test's own to look into it. */
export interface TestDatabase {
  readonly name: string;
  readonly config: { type: string; connection_string: string };
  query(sql: string): Promise<TestRow[]>;
}

interface Started {
  config: TestDatabase["config"];
  query(sql: string): Promise<TestRow[]>;
  stop(): Promise<void> | void;
}

const START: { readonly [name: string]: () => Promise<Started> } = {
  async PostgreSQL() {
    const server = await startPostgres();
    return { ...server, config: { type: "postgres", connection_string: server.dsn }, stop: () => server.stop() };
  },
  async MariaDB() {
    const server = await startMariadb();
    return { ...server, config: { type: "mysql", connection_string: server.dsn }, stop: () => server.stop() };
  },
  async SQLite() {
    const folder = mkdtempSync(join(tmpdir(), "sluice-aggregate-"));
    const file = join(folder, "aggregates.db");
    const database = new Sqlite(file);
    database.pragma("journal_mode = WAL");
    return {
      config: { type: "sqlite", connection_string: file },
      async query(sql) {
        const statement = database.prepare(sql);
        if (statement.reader) return statement.all() as TestRow[];
        statement.run();
        return [];
      },
      stop() {
        database.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

/** One of each, for all tests of a file. */
export function useDatabases(names: readonly string[] = Object.keys(START)): TestDatabase[] {
  const started = new Map<string, Started>();
  beforeAll(async () => {
    for (const name of names) started.set(name, await START[name]!());
  }, 60_000);
  afterAll(async () => {
    for (const one of started.values()) await one.stop();
  });
  return names.map((name) => ({
    name,
    get config() {
      return started.get(name)!.config;
    },
    query: (sql) => started.get(name)!.query(sql),
  }));
}

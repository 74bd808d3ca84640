import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SinkDefinition } from "@sluice/sdk";
import { open } from "@sluice/sdk/testing";
import { expect, onTestFinished, test } from "vitest";
import { aggregateSinks } from "../../aggregate/sinks.ts";
import { settle } from "../../aggregate/testing/settle.ts";
import { rawSinks } from "../../records/sinks.ts";
import { SqliteConnection, sqliteDriver } from "./driver.ts";

async function connections(n: number): Promise<SqliteConnection[]> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sqlite-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const driver = sqliteDriver(join(folder, "a.db"));
  const open = await Promise.all(Array.from({ length: n }, () => driver.connect()));
  onTestFinished(() => Promise.all(open.map((one) => one.close())).then(() => undefined));
  return open;
}

test("who begins while another connection writes waits for it, and holds nothing else up", async () => {
  const [one, two] = await connections(2);
  await one!.query("CREATE TABLE t (n integer)");
  await one!.begin();
  await one!.query("INSERT INTO t VALUES (1)");
  let begun = false;
  const waiting = two!.begin().then(() => {
    begun = true;
  });
  let turns = 0;
  while (turns < 20) await new Promise((resolve) => setTimeout(resolve, ++turns && 1));
  expect(begun).toBe(false);
  await one!.commit();
  await waiting;
  expect((await two!.query("SELECT n FROM t")).rows).toEqual([{ n: 1 }]);
  await two!.rollback();
});

test("some that write without a pause all get their turn", async () => {
  const all = await connections(3);
  await all[0]!.query("CREATE TABLE t (n integer)");
  const write = async (connection: SqliteConnection) => {
    for (let i = 0; i < 50; i++) {
      await connection.begin();
      await connection.query("INSERT INTO t VALUES (?)", [i]);
      await connection.commit();
    }
  };
  await Promise.all(all.map(write));
  expect((await all[0]!.query("SELECT COUNT(*) AS n FROM t")).rows).toEqual([{ n: 150 }]);
});

test.each([
  [
    "a value that is no integer of 64 bits",
    "refused",
    (one: SqliteConnection) => one.query("INSERT INTO t VALUES (?)", [2n ** 63n]),
  ],
  ["a row that a constraint forbids", "refused", (one: SqliteConnection) => one.query("INSERT INTO t VALUES (1), (1)")],
  ["a table that is gone", "retryable", (one: SqliteConnection) => one.query("SELECT * FROM gone")],
  [
    "a connection that was given up",
    "retryable",
    (one: SqliteConnection) => {
      one.cancel();
      return one.query("SELECT 1");
    },
  ],
])("%s: %s", async (_, fault, work) => {
  const [connection] = await connections(1);
  await connection!.query("CREATE TABLE t (n integer UNIQUE)");
  const error = await work(connection!).catch((thrown: unknown) => thrown);
  expect(sqliteDriver("").fault(error)).toBe(fault);
});

test("what is no database, or cannot be opened, is the configuration's fault", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sqlite-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "text"), "this is no database, and long enough to be looked at".repeat(20));
  for (const file of ["text", join("missing", "a.db")]) {
    const driver = sqliteDriver(join(folder, file));
    const error = await driver.connect().catch((thrown: unknown) => thrown);
    expect(driver.fault(error), file).toBe("fatal");
  }
});

test("a file that is removed or replaced is not written to where nobody sees it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sqlite-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "a.db");
  const [sql, aggregate] = [rawSinks[0], aggregateSinks[0]] as unknown as SinkDefinition[];
  const rows: unknown[] = [];
  for (const [definition, table] of [
    [sql!, "tyk_analytics"],
    [aggregate!, "tyk_aggregated WHERE dimension = ''"],
  ] as const) {
    const sink = await open(definition, { type: "sqlite", connection_string: file });
    for (const day of [1, 2]) {
      sink.deliver([{ orgId: "o", timestamp: Date.UTC(2024, 2, day) }]);
      await settle(sink);
      if (day === 1) for (const name of readdirSync(folder)) rmSync(join(folder, name));
    }
    await sink.close();
    const connection = new SqliteConnection(file);
    rows.push(...(await connection.query(`SELECT count(*) AS rows FROM ${table}`)).rows);
    await connection.close();
  }
  expect(rows).toEqual([{ rows: 1 }, { rows: 1 }]);
});

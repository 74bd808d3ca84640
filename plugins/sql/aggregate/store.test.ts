/** What is made at the start: the index of the dashboard's queries, beside writers; columns of earlier days' tables. */
import type { Log, SinkDefinition } from "@sluice/sdk";
import { open } from "@sluice/sdk/testing";
import { beforeAll, expect, test } from "vitest";
import { openDatabase } from "../database/open.ts";
import { migrate } from "../database/schema.ts";
import type { ConnectionSettings } from "../database/settings.ts";
import { rawSinks } from "../records/sinks.ts";
import { uptimeSink } from "../uptime/sink.ts";
import { aggregateSinks } from "./sinks.ts";
import { AggregateStore } from "./store.ts";
import { useDatabases } from "./testing/databases.ts";
import { settle } from "./testing/settle.ts";

const [definition] = aggregateSinks;
const [database] = useDatabases(["PostgreSQL"]);
/** Owns nothing. */
beforeAll(() => database!.query("CREATE ROLE lesser LOGIN"));
const INDEX = "tyk_aggregated_idx_dimension";

const indexes = () =>
  database!.query(
    "SELECT indexrelid::regclass::text AS name, indisvalid AS valid FROM pg_index WHERE indrelid = 'tyk_aggregated'::regclass AND NOT indisprimary",
  );

async function startTogether(count: number): Promise<unknown[]> {
  const sinks = await Promise.all(Array.from({ length: count }, () => open(definition!, database!.config)));
  await Promise.all(sinks.map((sink) => sink.close()));
  return sinks.flatMap(({ lines }) => lines);
}

test("several that start at once make it once", { timeout: 60_000 }, async () => {
  for (let round = 0; round < 5; round++) {
    const before = await open(definition!, { ...database!.config, omit_index_creation: true });
    await before.close();
    await database!.query(
      "INSERT INTO tyk_aggregated (id, dimension, timestamp, org_id, dimension_value) SELECT n::text, 'apiid', n, 'o', 'v' || n FROM generate_series(1, 20000) n",
    );
    expect(await startTogether(3)).toEqual([]);
    expect(await indexes()).toEqual([{ name: INDEX, valid: true }]);
    await database!.query("DROP TABLE tyk_aggregated");
  }
});

test("one that was left half made is made anew", async () => {
  await startTogether(1);
  await database!.query(`UPDATE pg_index SET indisvalid = false WHERE indexrelid = '${INDEX}'::regclass`);
  expect(await indexes()).toEqual([{ name: INDEX, valid: false }]);
  expect(await startTogether(1)).toEqual([]);
  expect(await indexes()).toEqual([{ name: INDEX, valid: true }]);
});

test("a table of an earlier day that cannot be changed stops nobody", async () => {
  await database!.query("GRANT ALL ON SCHEMA public TO lesser");
  const [server, user] = [database!.config.connection_string, "user=lesser"];
  const config = {
    ...database!.config,
    connection_string: server.replace("user=sluice", user),
    table_sharding: true,
    migrate_sharded_tables: true,
  };
  for (const [sink, name] of [
    [definition, "tyk_aggregated_20240101"],
    [uptimeSink, "tyk_uptime_analytics_20240101"],
  ] as unknown as [SinkDefinition, string][]) {
    await database!.query("DROP TABLE IF EXISTS sluice_watermarks");
    await database!.query(`CREATE TABLE ${name} (id text PRIMARY KEY); GRANT ALL ON ${name} TO lesser`);
    const opened = await open(sink, config);
    await opened.close();
    expect(opened.lines).toMatchObject([
      { level: "warn", message: expect.stringContaining(`The table ${name} keeps its columns`) },
    ]);
  }
});

const RECORD = { orgId: "o", responseCode: 200, timestamp: Date.UTC(2024, 2, 5, 12) };
const [sql] = rawSinks;

test.each([
  ["sql_aggregate", definition, {}, "tyk_aggregated WHERE dimension = ''"],
  ["sql-uptime", uptimeSink, {}, "tyk_uptime_analytics WHERE dimension = ''"],
  ["sql", sql, { effectively_once: true }, "tyk_analytics"],
] as unknown as [string, SinkDefinition, object, string][])(
  "%s: when all tables are dropped under it they are made again, its own among them",
  async (_, type, options, rows) => {
    const sink = await open(type, { ...database!.config, ...options });
    sink.deliver([RECORD]);
    await settle(sink);
    for (const redelivered of [false, true]) {
      await database!.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
      sink.deliver([RECORD], { redelivered });
      await settle(sink);
      expect(await database!.query(`SELECT 1 FROM ${rows}`)).toHaveLength(1);
    }
    await sink.close();
  },
);

test("tables that another user has made, with their index, are written to", async () => {
  await database!.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO lesser");
  for (const user of ["sluice", "lesser"]) {
    const connection_string = database!.config.connection_string.replace("user=sluice", `user=${user}`);
    const sink = await open(definition!, { ...database!.config, connection_string, table_sharding: true });
    sink.deliver([RECORD], { chunk: user });
    await sink.drain();
    await sink.close();
    await database!.query("GRANT ALL ON ALL TABLES IN SCHEMA public TO lesser");
  }
  expect(await database!.query("SELECT counter_hits FROM tyk_aggregated_20240305 WHERE dimension = ''")).toEqual([
    { counter_hits: "2" },
  ]);
});

test("several that make the same tables at once", { timeout: 30_000 }, async () => {
  const several = await Promise.all(
    Array.from({ length: 6 }, () => openDatabase({ ...database!.config, mysql: {} } as ConnectionSettings)),
  );
  for (let round = 0; round < 60; round++) {
    const table = { name: `made_${round}`, columns: [{ name: "id", type: "key" as const }], primaryKey: ["id"] };
    await Promise.all(several.map((one) => migrate(one, one.dialect, table)));
  }
  await Promise.all(several.map((one) => one.close()));
});

test("a lock that somebody holds is not waited for without end, but for those that an index waits for", async () => {
  const one = await openDatabase({ ...database!.config, mysql: {} } as ConnectionSettings);
  const patience = async () => (await one.query("SHOW lock_timeout")).rows;
  expect(await patience()).toEqual([{ lock_timeout: "50s" }]);
  await one.query("DROP TABLE IF EXISTS tyk_aggregated");
  const store = new AggregateStore(one, { kind: "rest", daily: false, index: true, rows: 1000 });
  await store.open(false, { warn() {} } as unknown as Log);
  await store.index();
  expect(await indexes()).toEqual([{ name: INDEX, valid: true }]);
  expect(await patience()).toEqual([{ lock_timeout: "50s" }]);
  await one.close();
  const string = `${database!.config.connection_string} lock_timeout=200`;
  const own = await openDatabase({ ...database!.config, connection_string: string, mysql: {} } as ConnectionSettings);
  await own.transaction(async (session) => {
    await session.query("LOCK TABLE tyk_aggregated IN ACCESS EXCLUSIVE MODE");
    await expect(own.query('ALTER TABLE tyk_aggregated ADD "new" text')).rejects.toThrow("lock timeout (55P03)");
  });
  await own.close();
});

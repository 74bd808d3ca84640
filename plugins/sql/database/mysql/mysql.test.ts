/** What MySQL's settings, of the server or the connection string, must not change. */
import type { SinkDefinition } from "@sluice/sdk";
import type { RecordInput } from "@sluice/sdk/record";
import { open } from "@sluice/sdk/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startMariadb, type TestMariadb } from "../../../../test/support/mariadb.ts";
import { aggregateSinks } from "../../aggregate/sinks.ts";
import { settle } from "../../aggregate/testing/settle.ts";
import { rawSinks } from "../../records/sinks.ts";
import { uptimeSink } from "../../uptime/sink.ts";

const [sql] = rawSinks as unknown as [SinkDefinition];
const [aggregate] = aggregateSinks as unknown as [SinkDefinition];
const uptime = uptimeSink as unknown as SinkDefinition;

let server: TestMariadb;
beforeAll(async () => {
  server = await startMariadb();
}, 60_000);
afterAll(() => server?.stop());
beforeEach(async () => {
  const tables = await server.query(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'sluice'",
  );
  for (const { name } of tables) await server.query(`DROP TABLE ${name}`);
});

const NOON = Date.UTC(2024, 2, 5, 12);
const record: RecordInput = { timestamp: NOON, orgId: "o", apiId: "a", path: "/p", trackPath: true, responseCode: 200 };

/** What is left of these records by a sink with this DSN and these settings: dead letters. */
async function write(
  definition: SinkDefinition,
  records: readonly object[],
  { parameters = "", ...meta }: { [key: string]: unknown } = {},
) {
  const config = { type: "mysql", connection_string: `${server.dsn}?${parameters}`, ...meta };
  const sink = await open(definition, config);
  sink.deliver(records);
  await settle(sink);
  await sink.close();
  const warnings = sink.lines.filter(({ level }) => level !== "info").map(({ message }) => message);
  return { letters: sink.deadLetters(), warnings };
}
const NOTHING = { letters: [], warnings: [] };

test.each([10, 191, 256])("texts of %d characters: the tables of days have their indexes", async (size) => {
  const settings = { table_sharding: true, mysql: { default_string_size: size } };
  expect(await write(sql, [record], settings)).toEqual(NOTHING);
  expect(await write(aggregate, [{ ...record, trackPath: false }], settings)).toEqual(NOTHING);
  const indexes = await server.query(
    "SELECT DISTINCT index_name AS name FROM information_schema.statistics WHERE table_schema = 'sluice' AND table_name LIKE '%20240305'",
  );
  const names = ["responsecode", "apikey", "timestamp", "apiid", "orgid", "oauthid"];
  expect(indexes.map(({ name }) => name).sort()).toEqual(
    [
      ...names.map((name) => `tyk_analytics_20240305_idx_${name}`),
      "PRIMARY",
      "tyk_aggregated_20240305_idx_dimension",
    ].sort(),
  );
});

test("rows of an older format, whose indexes take 767 bytes of a text", async () => {
  await server.query("SET GLOBAL innodb_default_row_format = 'compact'");
  expect(await write(aggregate, [record], { table_sharding: true })).toEqual(NOTHING);
  await server.query("SET GLOBAL innodb_default_row_format = 'dynamic'");
});

/** Written by both sinks: what their tables have for it. */
async function stored(path: string, parameters: string) {
  expect(await write(sql, [{ ...record, path }], { parameters })).toEqual(NOTHING);
  expect(await write(aggregate, [{ ...record, path }], { parameters })).toEqual(NOTHING);
  return server.query(
    "SELECT path FROM tyk_analytics UNION ALL SELECT counter_identifier FROM tyk_aggregated WHERE dimension = 'endpoints'",
  );
}

test.each(["charset=utf8", "charset=utf8mb4&collation=utf8mb4_0900_ai_ci", "charset=latin1", "charset=utf8x"])(
  "%s: texts are what they were",
  async (parameters) => {
    const path = "/ü名😀";
    expect(await stored(path, parameters)).toEqual([{ path }, { path }]);
  },
);

test("a sql_mode of the connection string in which backslashes are no escapes", async () => {
  const path = "/a\\b'), (\"\n";
  expect(await stored(path, "sql_mode=%27ANSI,NO_BACKSLASH_ESCAPES%27")).toEqual([{ path }, { path }]);
});

test("times of all tables are in the zone of the connection string", async () => {
  const parameters = "loc=Europe%2FBerlin";
  const report = { timestamp: NOON, orgId: "o", url: "u", responseCode: 200, requestTime: 1 };
  expect(await write(sql, [record], { parameters })).toEqual(NOTHING);
  expect(await write(aggregate, [record], { parameters })).toEqual(NOTHING);
  expect(await write(uptime, [report], { parameters })).toEqual(NOTHING);
  const [row] = await server.query(
    "SELECT (SELECT timestamp FROM tyk_analytics) AS sql_, (SELECT counter_last_time FROM tyk_aggregated WHERE dimension = '') AS aggregate, (SELECT counter_last_time FROM tyk_uptime_analytics WHERE dimension = '') AS uptime",
  );
  const time = "2024-03-05 13:00:00.000";
  expect(row).toEqual({ sql_: time, aggregate: time, uptime: time });
});

describe("max_allowed_packet", () => {
  beforeAll(() => server.query("SET GLOBAL max_allowed_packet = 1048576"));
  afterAll(() => server.query("SET GLOBAL max_allowed_packet = 16777216"));

  test("a record that is larger is a dead letter, and holds nobody up", async () => {
    const { letters } = await write(sql, [record, { ...record, rawResponse: "x".repeat(2 << 20) }, record]);
    expect(letters.map(({ index }) => index)).toEqual([1]);
    expect(letters[0]!.reason).toContain("max_allowed_packet (1048576)");
    expect(await server.query("SELECT path FROM tyk_analytics")).toHaveLength(2);
  });

  test("rows of long keys go in smaller statements", async () => {
    const records = Array.from({ length: 500 }, (_, i) => ({ ...record, path: `/${i}/${"'".repeat(2000)}` }));
    const sink = await open(aggregate, { type: "mysql", connection_string: server.dsn });
    sink.deliver(records);
    await sink.drain();
    await sink.close();
    expect(await server.query("SELECT counter_hits FROM tyk_aggregated WHERE dimension = ''")).toEqual([
      { counter_hits: "500" },
    ]);
  });
});

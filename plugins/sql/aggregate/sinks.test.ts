import { randomBytes } from "node:crypto";
import { defineSink, Type } from "@sluice/sdk";
import { type AggregateGroup, Aggregation } from "@sluice/sdk/aggregate";
import type { RecordInput } from "@sluice/sdk/record";
import { open } from "@sluice/sdk/testing";
import { describe, expect, test, vi } from "vitest";
import type { Until } from "../database/database.ts";
import { today } from "../database/schema.ts";
import { sqliteDialect } from "../database/sqlite/dialect.ts";
import { AggregateGather } from "./gather.ts";
import { GatherSize } from "./gather-size.ts";
import { aggregateSinks } from "./sinks.ts";
import type { AggregateStore } from "./store.ts";
import { type TestDatabase, useDatabases } from "./testing/databases.ts";
import { settle } from "./testing/settle.ts";

const [sqlAggregate, graphAggregate, mcpAggregate] = aggregateSinks;
const at = (clock: string) => new Date(`2024-03-05T${clock}Z`);

/** The worked example of docs/sinks/sql_aggregate.md. */
const ORDERS: RecordInput[] = [
  {
    timestamp: at("10:15:30"),
    apiId: "api1",
    apiName: "Orders",
    apiVersion: "v1",
    apiKey: "k1",
    alias: "alice",
    path: "/orders/1.json",
    trackPath: true,
    responseCode: 200,
    requestTime: 12,
    latencyTotal: 12,
    latencyUpstream: 10,
    tags: ["gold", "key-k1"],
    geoCountryIsoCode: "GB",
  },
  {
    timestamp: at("10:16:00"),
    apiId: "api1",
    apiName: "Orders",
    apiVersion: "v1",
    apiKey: "k1",
    alias: "alice",
    path: "/orders/2",
    responseCode: 404,
    requestTime: 5,
    latencyTotal: 5,
    latencyUpstream: 3,
    tags: [" go.ld "],
  },
  {
    timestamp: at("11:02:00"),
    apiId: "api2",
    apiName: "Users",
    responseCode: 503,
    requestTime: 40,
    latencyTotal: 40,
    latencyUpstream: 39,
  },
  {
    timestamp: at("10:59:59"),
    apiId: "api1",
    apiName: "Orders",
    apiVersion: "v1",
    oauthId: "oa1",
    responseCode: 301,
    requestTime: 7,
    latencyTotal: 7,
    latencyUpstream: 6,
  },
].map((record) => ({ ...record, orgId: "org1" }));

/** Cannot be compressed, and its ids are as long as PostgreSQL takes them. */
const LONG = randomBytes(500).toString("base64url").slice(0, 640);
const hex = (text: string) => Buffer.from(text).toString("hex");

/** A table as the tests name its rows: dimension and value -> numbers. */
async function table(database: TestDatabase, name: string): Promise<Map<string, { [column: string]: unknown }>> {
  const rows = await database.query(`SELECT * FROM ${name} ORDER BY timestamp, dimension, dimension_value`);
  return new Map(
    rows.map((row) => {
      const numbers = Object.entries(row).map(([column, value]) => [
        column,
        typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value) && !/id|identifier|value|version/.test(column)
          ? Number(value)
          : value,
      ]);
      return [`${row.timestamp} ${row.dimension} ${row.dimension_value}`, Object.fromEntries(numbers)];
    }),
  );
}

async function empty(database: TestDatabase, ...names: string[]): Promise<void> {
  for (const name of ["sluice_watermarks", ...names]) await database.query(`DROP TABLE IF EXISTS ${name}`);
}

describe.each(useDatabases())("$name", (database) => {
  test("adds up by the record's own hour, and again into rows that are there", async () => {
    await empty(database, "tyk_aggregated");
    const sink = await open(sqlAggregate!, database.config);
    sink.deliver(ORDERS);
    await settle(sink);
    const first = await table(database, "tyk_aggregated");
    expect([...first.keys()]).toEqual([
      "1709632800  total",
      "1709632800 apiendpoints 617069313a76313a2f6f72646572732f312e6a736f6e",
      "1709632800 apiid api1",
      "1709632800 apikeys k1",
      "1709632800 endpoints /orders/1\\u2ejson",
      "1709632800 errors 404",
      "1709632800 geo GB",
      "1709632800 keyendpoints k1.YXBpMTovb3JkZXJzLzEuanNvbg",
      "1709632800 oauthids oa1",
      "1709632800 tags gold",
      "1709632800 versions YXBpMTp2MQ",
      "1709636400  total",
      "1709636400 apiid api2",
      "1709636400 errors 503",
    ]);
    expect(first.get("1709632800 apiid api1")).toMatchObject({
      org_id: "org1",
      counter_identifier: "api1",
      counter_human_identifier: "Orders",
      counter_hits: 3,
      counter_success: 1,
      counter_error: 1,
      counter_request_time: 8,
      counter_total_request_time: 24,
      counter_latency: 8,
      counter_max_latency: 12,
      counter_min_latency: 7,
      counter_upstream_latency: expect.closeTo(6.333333333333333, 12),
      counter_error_map: "{}",
      counter_error_list: "[]",
      code_404: 1,
      code_4x: 0,
    });
    sink.deliver([
      {
        orgId: "org1",
        apiId: "api1",
        apiName: "Orders2",
        responseCode: 500,
        requestTime: 1,
        latencyTotal: 1,
        latencyUpstream: 1,
        timestamp: at("10:20:00"),
      },
    ]);
    await sink.drain();
    await sink.close();
    const second = await table(database, "tyk_aggregated");
    expect(second.get("1709632800 apiid api1")).toMatchObject({
      counter_human_identifier: "Orders",
      counter_hits: 4,
      counter_error: 2,
      counter_request_time: 6.25,
      counter_total_request_time: 25,
      counter_latency: 6.25,
      counter_upstream_latency: 5,
      counter_max_latency: 12,
      // An error is no minimum.
      counter_min_latency: 7,
      counter_min_upstream_latency: 6,
      code_404: 1,
      code_500: 1,
    });
    expect(second.get("1709632800  total")).toMatchObject({
      counter_hits: 4,
      counter_min_latency: 12,
      counter_min_upstream_latency: 10,
    });
    expect(String(second.get("1709632800 apiid api1")!.counter_last_time)).toMatch(/10:59:59/);
    const id = "1709632800org1apiidapi1";
    expect(second.get("1709632800 apiid api1")!.id).toBe(
      database.name === "MariaDB" && hex(id).length > 191 ? expect.stringMatching(/^sha256-/) : hex(id),
    );
  });

  test("means have a double's digits, also where a row was there", async () => {
    await empty(database, "tyk_aggregated");
    const config = { ...database.config, store_analytics_per_minute: true };
    const record = { orgId: "org1", responseCode: 200, timestamp: at("10:15:30"), latencyTotal: 4 };
    for (const requestTimes of [[40], [8, 8, 8, 8, 8, 10]]) {
      const sink = await open(sqlAggregate!, config);
      sink.deliver(
        requestTimes.map((requestTime) => ({ ...record, requestTime })),
        { chunk: String(requestTimes) },
      );
      await sink.drain();
      await sink.close();
    }
    const [row] = await database.query(
      "SELECT counter_request_time AS mean, counter_latency AS latency FROM tyk_aggregated WHERE timestamp = 1709633700",
    );
    const [mean, latency] = database.name === "PostgreSQL" ? ["12.8571428571429", "4"] : [90 / 7, 4];
    expect([row!.mean, row!.latency]).toEqual([mean, latency]);
  });

  test("a chunk that comes again, to this owner or another, is not counted again", async () => {
    await empty(database, "tyk_aggregated");
    const [one, other] = [await open(sqlAggregate!, database.config), await open(sqlAggregate!, database.config)];
    const hits = async () => {
      const rows = [...(await table(database, "tyk_aggregated")).values()];
      const total = rows.filter(({ dimension }) => dimension === "");
      return total.reduce((sum, row) => sum + Number(row.counter_hits), 0);
    };
    // Both have it in hand, and the first to write it wins.
    one.deliver(ORDERS, { chunk: "a" });
    other.deliver(ORDERS, { chunk: "a", redelivered: true });
    await settle(one);
    await settle(other);
    expect(await hits()).toBe(4);
    // Only what is new of a gather.
    one.deliver(ORDERS, { chunk: "b" });
    one.deliver(ORDERS, { chunk: "a", redelivered: true });
    await one.kill();
    await settle(one);
    expect(await hits()).toBe(8);
    for (const sink of [one, other]) await sink.close();
  });

  test("GraphQL and MCP have tables of their own, by API", async () => {
    await empty(database, "tyk_graph_aggregated", "tyk_mcp_aggregated");
    const common = { orgId: "org1", timestamp: at("10:15:30"), requestTime: 9, latencyTotal: 9, latencyUpstream: 8 };
    const graph = {
      ...common,
      apiId: "g1",
      apiName: "Graph",
      isGraphql: true,
      graphqlTypes: { Character: ["id", "name"] },
    };
    const mcp = { ...common, apiId: "m1", apiName: "Mcp", isMcp: true, mcpJsonrpcMethod: "tools/call" };
    const records: RecordInput[] = [
      { ...graph, responseCode: 200, graphqlOperationType: 1, graphqlRootFields: ["characters"] },
      { ...graph, responseCode: 200, graphqlHasErrors: true },
      { ...mcp, responseCode: 200, mcpPrimitiveType: "tool", mcpPrimitiveName: "w" },
      { ...mcp, responseCode: 500, mcpPrimitiveType: "tool", mcpPrimitiveName: "w" },
      { ...common, apiId: "rest", responseCode: 200 },
    ];
    const counts = async (definition: (typeof aggregateSinks)[number], name: string) => {
      const sink = await open(definition, database.config);
      sink.deliver(records);
      await sink.drain();
      await sink.close();
      const rows = [...(await table(database, name)).values()];
      return {
        skipped: sink.taken.skipped,
        rows: rows.map((row) =>
          [
            row.api_id,
            row.dimension,
            row.dimension_value,
            row.counter_hits,
            row.counter_success,
            row.counter_error,
          ].join(" "),
        ),
      };
    };
    expect(await counts(graphAggregate!, "tyk_graph_aggregated")).toEqual({
      skipped: 3,
      rows: [
        "g1  total 2 2 0",
        "g1 apiid g1 2 2 0",
        "g1 fields Character_id 2 1 1",
        "g1 fields Character_name 2 1 1",
        "g1 operation  1 0 1",
        "g1 operation Query 1 1 0",
        "g1 rootfields characters 1 1 0",
        "g1 types Character 2 1 1",
      ],
    });
    expect(await counts(mcpAggregate!, "tyk_mcp_aggregated")).toEqual({
      skipped: 3,
      rows: [
        "m1  total 2 1 1",
        "m1 apiid m1 2 1 1",
        "m1 errors 500 1 0 1",
        "m1 methods tools/call 2 1 1",
        "m1 names tool_w 2 1 1",
        "m1 primitives tool 2 1 1",
      ],
    });
  });

  test("a table for each day, a row for each minute", async () => {
    await empty(database, "tyk_aggregated_20240305", "tyk_aggregated_20240306");
    const config = { ...database.config, table_sharding: true, store_analytics_per_minute: true };
    const sink = await open(sqlAggregate!, config);
    // Today's is there from the start.
    expect((await table(database, `tyk_aggregated_${today()}`)).size).toBe(0);
    const record = { orgId: "org1", responseCode: 200 };
    sink.deliver([
      { ...record, timestamp: at("23:58:59") },
      { ...record, timestamp: at("23:59:00") },
      { ...record, timestamp: at("23:59:59.999") },
      { ...record, timestamp: new Date("2024-03-06T00:00:00Z") },
    ]);
    await sink.drain();
    await sink.close();
    const hits = async (day: string) =>
      [...(await table(database, `tyk_aggregated_${day}`))].map(([name, row]) => `${name} ${row.counter_hits}`);
    expect(await hits("20240305")).toEqual(["1709683080  total 1", "1709683140  total 2"]);
    expect(await hits("20240306")).toEqual(["1709683200  total 1"]);
  });

  test("what records hold is data, whatever it is", async () => {
    await empty(database, "tyk_aggregated");
    const sink = await open(sqlAggregate!, database.config);
    const texts = [
      `'; DROP TABLE tyk_aggregated; --`,
      `{"a","b\\c",NULL}`,
      "tab\tline\nreturn\r",
      "nul\0nul",
      "ünïcode 🚀",
      "x".repeat(100_000),
      "NULL",
      "",
    ];
    const record = { orgId: "org1", responseCode: 200, timestamp: at("10:00:00"), trackPath: true };
    sink.deliver([
      ...texts.map((text) => ({
        ...record,
        apiId: text,
        apiName: text,
        apiKey: text,
        alias: text,
        path: text,
        tags: [text],
      })),
      {
        ...record,
        apiKey: Buffer.from([0xff, 0xfe, 0x61]),
        latencyTotal: 2n ** 63n - 1n,
        networkBytesIn: 2n ** 63n - 1n,
      },
      { ...record, apiKey: "k", latencyTotal: 2n ** 63n - 1n },
      // Two paths that are written alike, and two organisations whose ids are.
      { ...record, path: "/a.b" },
      { ...record, path: "/a\\u2eb" },
      { ...record, path: LONG },
      { ...record, orgId: "a", path: "p" },
      { ...record, orgId: "aapi", path: "3a3a70" },
    ]);
    await settle(sink);
    // Again into the same rows: nothing overflows.
    sink.deliver([{ ...record, latencyTotal: 2n ** 63n - 1n }]);
    await sink.drain();
    await sink.close();
    expect(sink.deadLetters()).toEqual([]);
    const rows = await database.query("SELECT * FROM tyk_aggregated");
    const counted = (dimension: string) => rows.filter((row) => row.dimension === dimension);
    const hits = (dimension: string) => counted(dimension).reduce((sum, row) => sum + Number(row.counter_hits), 0);
    const longId = hex(`1709632800org1apiendpoints${hex(`::${LONG}`)}`);
    expect(longId.length).toBeGreaterThan(2600);
    if (database.name !== "MariaDB") expect(rows.map(({ id }) => id)).toContain(longId);
    expect([hits(""), hits("apikeys")]).toEqual([texts.length + 8, texts.length + 1]);
    const long = counted("apikeys").find((row) => String(row.dimension_value).startsWith("xxx"))!;
    expect(String(long.dimension_value).length).toBe(2600 - 4);
    expect(String(long.counter_identifier).length).toBe(100_000);
    const alike = rows.filter((row) => row.dimension_value === "/a\\u2eb" || row.dimension_value === "3a3a70");
    expect(alike.map((row) => Number(row.counter_hits))).toEqual([2, 2]);
    const total = counted("").find((row) => row.org_id === "org1")!;
    // SQLite's own numbers come as doubles.
    expect(Number(total.counter_total_latency)).toBe(2 ** 63);
  });

  test("two owners that write the same rows at the same time", async () => {
    await empty(database, "tyk_aggregated");
    const owners = [await open(sqlAggregate!, database.config), await open(sqlAggregate!, database.config)];
    const rounds = database.name === "SQLite" ? 2 : 6;
    const records = Array.from({ length: 500 }, (_, i) => ({ ...ORDERS[i % 4]!, apiKey: `key ${i}`, path: `/${i}` }));
    for (let round = 0; round < rounds; round++) {
      for (const [i, owner] of owners.entries()) owner.deliver(records, { chunk: `${round}-${i}` });
      await Promise.all(owners.map(settle));
    }
    for (const owner of owners) await owner.close();
    const rows = await database.query(
      "SELECT dimension, count(*) AS rows_, min(counter_hits) AS least, max(counter_hits) AS most FROM tyk_aggregated WHERE dimension IN ('', 'apikeys') GROUP BY dimension ORDER BY dimension",
    );
    const counts = rows.map((row) => [row.dimension, Number(row.rows_), Number(row.least), Number(row.most)]);
    expect(counts).toEqual([
      ["", 2, 250 * rounds, 750 * rounds],
      ["apikeys", 500, 2 * rounds, 2 * rounds],
    ]);
  });

  test("adds to a row that is older than some columns", async () => {
    await empty(database, "tyk_aggregated");
    await database.query(
      "CREATE TABLE tyk_aggregated (id varchar(191) PRIMARY KEY, dimension varchar(99), timestamp bigint, counter_hits bigint)",
    );
    await database.query(`INSERT INTO tyk_aggregated VALUES ('${hex("1709632800org1total")}', '', 1709632800, 5)`);
    const sink = await open(sqlAggregate!, database.config);
    sink.deliver(ORDERS.slice(0, 2));
    await settle(sink);
    await sink.close();
    const [row] = await database.query("SELECT * FROM tyk_aggregated WHERE dimension = ''");
    const columns = ["hits", "success", "total_request_time", "max_latency", "min_latency", "max_upstream_latency"];
    expect(columns.map((column) => Number(row![`counter_${column}`]))).toEqual([7, 1, 17, 12, 12, 10]);
  });

  test("a table that somebody drops is made again", async () => {
    await empty(database, "tyk_aggregated");
    const sink = await open(sqlAggregate!, database.config);
    // PostgreSQL's own housekeeping may stand in each other's way with it.
    await vi.waitFor(() => database.query("DROP TABLE tyk_aggregated"), { timeout: 10_000 });
    sink.deliver(ORDERS);
    await settle(sink);
    await sink.close();
    expect((await table(database, "tyk_aggregated")).size).toBe(14);
  });
});

test("a gather that is late comes again in smaller ones", async () => {
  const size = new GatherSize();
  const written: number[] = [];
  let slow = true;
  const store = {
    database: { dialect: sqliteDialect, query: async () => ({ rows: [], changed: 0 }) },
    // Takes 3,000 rows by a deadline.
    async write(groups: AggregateGroup[], until: Until) {
      const rows = groups.reduce((sum, group) => sum + group.size, 0);
      if (slow && rows > 3000) await new Promise((_, reject) => until.signal.addEventListener("abort", reject));
      written.push(rows);
    },
  } as unknown as AggregateStore;
  const definition = defineSink({
    type: "late",
    config: Type.Object({}),
    open: async () => ({
      gather: () => new AggregateGather({ store, sink: "s", size, give: () => {} }, new Aggregation({ kind: "rest" })),
    }),
  });
  const sink = await open(definition, {});
  for (let chunk = 0; chunk < 8; chunk++) {
    const records = Array.from({ length: 1000 }, (_, i) => ({
      orgId: "o",
      responseCode: 200,
      apiKey: `${chunk}-${i}`,
    }));
    sink.deliver(records);
  }
  await sink.clock.advance(4000);
  await sink.clock.advance(60_000);
  await settle(sink);
  expect(Math.max(...written)).toBeLessThanOrEqual(3001);
  slow = false;
  for (let i = 0; i < 10; i++) size.written();
  expect(size.most).toBe(100_000);
});

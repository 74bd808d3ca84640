import type { RecordInput } from "@sluice/sdk/record";
import { open } from "@sluice/sdk/testing";
import { describe, expect, test } from "vitest";
import { aggregateSinks } from "./sinks.ts";
import { type TestDatabase, useDatabases } from "./testing/databases.ts";

const [sqlAggregate] = aggregateSinks;
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
    await sink.clock.advance(2000);
    await sink.settled();
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
});

import { batch } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import sinks from "./index.ts";

const RECORD = {
  apiId: "api1",
  orgId: "org1",
  path: "/a\tb\n",
  responseCode: 503,
  requestTime: 42,
  timestamp: new Date(Date.UTC(2025, 0, 2, 3, 4, 5)),
};
const config = {
  table_sharding: false,
  store_analytics_per_minute: false,
  track_all_paths: false,
  ignore_tag_prefix_list: [],
};

/** What this sink would send for the record. */
function show(type: string, more: object = {}): string | null {
  const sink = sinks.find((one) => one.type === type)!;
  return sink.preview!({ config } as never)(batch([{ ...RECORD, ...more }]) as never);
}

test("rows: a line a column, whatever a value holds", () => {
  const lines = show("sql")!.split("\n");
  expect(lines).toContain("apiid: api1");
  expect(lines).toContain("responsecode: 503");
  expect(lines).toContain("path: /a\\tb\\n");
  expect(lines.find((line) => line.startsWith("timestamp: "))).toContain("2025-01-02 03:04:05");
  expect(lines).toHaveLength(52);
});

test("a record that is another table's is left out", () => {
  expect(show("sql", { isMcp: true })).toBeNull();
  expect(show("sql-mcp")).toBeNull();
  expect(show("sql-mcp", { isMcp: true, mcpJsonrpcMethod: "tools/call" })).toContain("jsonrpc_method: tools/call\n");
  expect(show("sql-graph")).toBeNull();
});

test("aggregates: the counters that the record adds to", () => {
  const lines = show("sql_aggregate")!.split("\n");
  expect(lines).toContain("org1 2025-01-02T03:00Z apiid api1: hits +1, errors +1, request time +42 ms");
  expect(lines).toContain("org1 2025-01-02T03:00Z errors 503: hits +1, errors +1, request time +42 ms");
  expect(show("sql-mcp-aggregate")).toBeNull();
});

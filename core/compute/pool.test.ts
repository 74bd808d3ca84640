import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { analyticsSchema, createScanner, textOf } from "@sluice/sdk/record";
import { NO_PREPARATION } from "@sluice/sdk/testing";
import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BatchRequest } from "../demo/batch.ts";
import { generateBatch } from "../demo/generate.ts";
import { createCompute } from "./pool.ts";

const compute = createCompute();
afterAll(() => compute.close());

const request: BatchRequest = {
  seed: 42,
  count: 300,
  start: Date.UTC(2026, 1, 3, 4),
  spacing: 3.6,
  expireAt: Date.UTC(2027, 1, 3),
  record: { org: "org1", api: "api1", apiVersion: "", trackPath: true, keys: ["k1", "k2"] },
};

test("the pool makes what this thread would make: same request, same bytes", async () => {
  const made = await compute.generate(request);
  expect(made).toHaveLength(300);
  expect(made.map((record) => Buffer.from(record).toString("hex"))).toEqual(
    generateBatch(request).map((record) => Buffer.from(record).toString("hex")),
  );
  const other = await compute.generate({ ...request, seed: 43 });
  expect(other[0]).not.toEqual(made[0]);
});

test("what it makes are the gateway's records", async () => {
  const made = await compute.generate(request);
  const bytes = Buffer.concat(made);
  const offsets = new Uint32Array(2 * made.length);
  let at = 0;
  for (const [i, record] of made.entries()) {
    offsets.set([at, at + record.length], 2 * i);
    at += record.length;
  }
  const { table, unreadable } = createScanner().scan({ bytes, offsets, count: made.length, wire: "msgpack" });
  expect(unreadable).toEqual([]);
  const text = (row: number, name: string) => textOf(table, row, analyticsSchema.byName.get(name)!);
  expect(text(0, "org_id")).toBe("org1");
  expect(text(299, "api_id")).toBe("api1");
  expect(text(7, "raw_request")).toBe("Qk9EWSBEQVRB");
  for (const record of made) {
    // A map of 35 fields.
    expect([...record.subarray(0, 3)]).toEqual([0xde, 0, 35]);
    expect(record.length).toBeGreaterThan(800);
    expect(record.length).toBeLessThan(1300);
  }
});

test("records by their fields: as they are, as a sink gets them, and without what is personal", async () => {
  const records = [...(await compute.generate({ ...request, count: 2 })), Buffer.from("no record")];
  const plain = { wire: "msgpack", prepare: null, redact: false, records } as const;
  const [first, second, none] = await compute.decode(plain);
  expect(none).toEqual({ taken: false, record: null });
  expect(first).toMatchObject({ taken: true, record: { org_id: "org1", api_id: "api1", raw_request: "Qk9EWSBEQVRB" } });
  const code = Number(first!.record!.response_code);
  const filters = { ...NO_PREPARATION.filters, skipResponseCodes: [code] };
  const prepare = { ...NO_PREPARATION, omit: true, ignore: ["host"], filters };
  const prepared = await compute.decode({ ...plain, prepare });
  expect(prepared[0]).toMatchObject({ taken: false, record: { raw_request: "", host: "" } });
  expect(prepared[1]!.taken).toBe(second!.record!.response_code !== code);
  const [redacted] = await compute.decode({ ...plain, redact: true });
  for (const name of ["api_key", "raw_request", "ip_address", "tags", "geo"]) {
    expect(redacted!.record![name], name).toBeOneOf(["***", "", null]);
  }
  expect(redacted!.record!.api_id).toBe("api1");
});

describe("answers from a file of SQLite", () => {
  const file = join(mkdtempSync(join(tmpdir(), "sluice-pool-")), "analytics.db");
  const database = new Sqlite(file);
  beforeAll(() => {
    database.exec("CREATE TABLE tyk_analytics (path text, requesttime integer)");
    database.exec(
      "CREATE TABLE tyk_aggregated (dimension text, dimension_value text, counter_human_identifier text, counter_hits integer, counter_error integer)",
    );
    const row = database.prepare("INSERT INTO tyk_analytics VALUES (?, ?)");
    for (let i = 1; i <= 100; i++) row.run("/even", i);
    for (let i = 0; i < 30; i++) row.run("/slow", 1000);
    for (let i = 0; i < 19; i++) row.run("/rare", 5000);
    const total = database.prepare("INSERT INTO tyk_aggregated VALUES (?, ?, ?, ?, ?)");
    for (let i = 0; i < 7; i++)
      total.run("apiid", `api${i}`, i === 6 ? "" : `API ${i}`, 10 * (i + 1), i === 2 ? 15 : 0);
    total.run("apiid", "api0", "API 0", 1000, 200);
    total.run("errors", "500", "", 1_000_000, 1_000_000);
  });
  afterAll(() => {
    database.close();
    rmSync(dirname(file), { recursive: true });
  });

  test("busiest APIs over all hours, error rates, slowest paths of those with some requests", async () => {
    const { busiest, failing, slowest } = await compute.analytics(file);
    expect(busiest.map(({ api, hits }) => [api, hits])).toEqual([
      ["API 0", 1010],
      ["api6", 70],
      ["API 5", 60],
      ["API 4", 50],
      ["API 3", 40],
    ]);
    expect(busiest[0]!.share).toBeCloseTo(1010 / 1280);
    expect(failing.slice(0, 3).map(({ api, rate }) => [api, rate])).toEqual([
      ["API 2", 0.5],
      ["API 0", 200 / 1010],
      ["API 1", 0],
    ]);
    expect(slowest).toEqual([
      { path: "/slow", hits: 30, p95: 1000, mean: 1000 },
      { path: "/even", hits: 100, p95: 95, mean: 50.5 },
    ]);
  });

  test("a file without the tables is an error, and none is made", async () => {
    const other = join(dirname(file), "other.db");
    await expect(compute.analytics(other)).rejects.toThrow();
    expect(existsSync(other)).toBe(false);
  });
});

test("a request that cannot be carried out is an error, not an end", async () => {
  await expect(compute.generate({ ...request, record: null as never })).rejects.toThrow();
  expect(await compute.generate({ ...request, count: 1 })).toHaveLength(1);
});

import { analyticsSchema, createScanner, textOf } from "@sluice/sdk/record";
import { afterAll, expect, test } from "vitest";
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

test("a request that cannot be carried out is an error, not an end", async () => {
  await expect(compute.generate({ ...request, record: null as never })).rejects.toThrow();
  expect(await compute.generate({ ...request, count: 1 })).toHaveLength(1);
});

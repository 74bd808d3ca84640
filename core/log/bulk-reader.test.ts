import { afterAll, beforeAll, expect, test } from "vitest";
import { startRedis, type TestRedis } from "../../test/support/redis.ts";
import { type BulkReader, openBulkReader, type RangeRequest, type RangeResult } from "./bulk-reader.ts";

const KEY = "block";
let redis: TestRedis;
let reader: BulkReader;

beforeAll(async () => {
  redis = await startRedis();
  await redis.client.rpush(KEY, ...Array.from({ length: 100 }, (_, i) => `record ${i}`));
  const session = {
    address: { host: redis.host, port: redis.port },
    tls: undefined,
    credential: { username: "", password: "" },
  };
  reader = openBulkReader({ where: () => "here", session: () => session, database: 0, timeoutMs: 5000 });
});

afterAll(async () => {
  reader?.close();
  await redis?.stop();
});

const request = (from: number, count: number, key = KEY, slab = 4096): RangeRequest => {
  return { key, from, count, slab: new SharedArrayBuffer(slab), mean: 10 };
};

function texts({ slab }: RangeRequest, { at, fitted }: RangeResult): string[] {
  const offsets = new Uint32Array(slab, at, 2 * fitted);
  return Array.from({ length: fitted }, (_, i) =>
    Buffer.from(new Uint8Array(slab).slice(offsets[2 * i]!, offsets[2 * i + 1]!)).toString(),
  );
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => `record ${from + i}`);

test("a password that the server does not ask for is no obstacle", async () => {
  const credential = { username: "", password: "not asked for" };
  const address = { host: redis.host, port: redis.port };
  const session = () => ({ address, tls: undefined, credential });
  const own = openBulkReader({ where: () => "here", session, database: 0, timeoutMs: 5000 });
  const one = request(0, 2);
  try {
    expect(texts(one, await own.range(one))).toEqual(numbers(0, 2));
  } finally {
    own.close();
  }
});

/** What the answers are, and how often the server was asked. */
async function asked(requests: readonly RangeRequest[]) {
  const calls = async () => {
    const stats = await redis.client.info("commandstats");
    return Number(/cmdstat_lrange:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const before = await calls();
  const results = await Promise.allSettled(requests.map((one) => reader.range(one)));
  return { results, calls: (await calls()) - before };
}

test("ranges that lie one behind the other are read with one command, each into its own slab", async () => {
  const requests = [request(-100, 40), request(-60, 40), request(-20, 20)];
  const { results, calls } = await asked(requests);
  expect(calls).toBe(1);
  const values = results.map((result) => (result as PromiseFulfilledResult<RangeResult>).value);
  expect(values.map((value, i) => texts(requests[i]!, value))).toEqual([
    numbers(0, 40),
    numbers(40, 40),
    numbers(80, 20),
  ]);
});

test("others are not: gaps, other keys, more than are joined", async () => {
  expect((await asked([request(0, 10), request(11, 10)])).calls).toBe(2);
  expect((await asked([request(0, 10), request(10, 10, "another")])).calls).toBe(2);
  expect((await asked(Array.from({ length: 9 }, (_, i) => request(10 * i, 10)))).calls).toBe(2);
});

test("what does not fit the first slab does not shift the second", async () => {
  const requests = [request(0, 50, KEY, 200), request(50, 50)];
  const { results } = await asked(requests);
  const [first, second] = results.map((result) => (result as PromiseFulfilledResult<RangeResult>).value);
  expect(first).toMatchObject({ received: 50 });
  expect(first!.fitted).toBeLessThan(50);
  expect(texts(requests[0]!, first!)).toEqual(numbers(0, first!.fitted));
  expect(texts(requests[1]!, second!)).toEqual(numbers(50, 50));
});

test("when some are gone, those that are there are not taken for them", async () => {
  // The list has but 100.
  const { results } = await asked([request(-120, 20), request(-100, 10)]);
  expect(results.map((result) => (result as PromiseFulfilledResult<RangeResult>).value.received)).toEqual([0, 10]);
});

test("an error is that of each", async () => {
  await redis.client.set("text", "x");
  const { results, calls } = await asked([request(0, 10, "text"), request(10, 10, "text")]);
  expect(calls).toBe(1);
  for (const result of results) expect((result as PromiseRejectedResult).reason.message).toMatch(/WRONGTYPE/);
  expect((await asked([request(0, 10)])).results[0]).toMatchObject({ value: { received: 10 } });
});

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { arrivals, numbersIn, owners, push } from "../support/gateway.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/pump.ts";
import { freePort, NO_SERVER, type TestRedis } from "../support/redis.ts";
import { useFolder, useRedis, useSluice, useSluiceWith } from "../support/sluice.ts";

const COUNT = 20_000;
const STOP_MS = 2000;

/** Processes that hold chunks; what was handed back is held by nobody. */
async function holders(redis: TestRedis): Promise<string[]> {
  const all = new Set((await owners(redis.client, "csv")).values());
  all.delete("~free");
  return [...all];
}

test("SIGTERM during a drain: it ends with 0 within its deadline, and the next instance delivers the rest without waiting for a lease", async () => {
  const redis = await useRedis();
  const csv = join(useFolder(), "csv");
  const conf = { redis, csv: { csv }, stopMs: STOP_MS };
  await push(redis.client, 0, COUNT);
  for (let i = 0; i < 3; i++) {
    const sluice = await useSluice(conf);
    await until(async () => (await holders(redis)).length > 0, "chunks in hand");
    await sleep(Math.random() * 50);
    const { code, ms } = await sluice.terminate();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(STOP_MS + 1000);
    expect(await holders(redis)).toEqual([]);
  }
  const last = await useSluice(conf);
  await last.drained(redis, ["csv"]);
  await last.terminate();
  expect(arrivals(numbersIn(csv), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });
});

test("SIGTERM while a sink does not finish: what it has in hand is handed back, and the next instance has it at once", async () => {
  const redis = await useRedis();
  const csv = join(useFolder(), "csv");
  const slow = { csv: { type: "hangs-once", module: "misbehaving.ts" } } as const;
  // Were it to wait for the lease, the test would end first.
  const hung = await useSluiceWith(redis, slow, { delivery: { leaseMs: 600_000 }, stopMs: STOP_MS });
  await push(redis.client, 0, 1000);
  await until(async () => (await holders(redis)).length > 0, "chunks in hand");
  const { code, ms } = await hung.terminate();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(STOP_MS + 1000);
  const next = await useSluice({ redis, csv: { csv } });
  await next.drained(redis, ["csv"], { seconds: 10 });
  await next.terminate();
  expect(arrivals(numbersIn(csv), 1000)).toEqual({ missing: [], foreign: [], duplicates: 0 });
});

for (const [what, hang] of [
  ["Redis takes connections and never answers", "stall"],
  ["Redis stands still", "SIGSTOP"],
] as const) {
  test(`SIGTERM while ${what}: it ends within its deadline, and nothing is lost`, async () => {
    const redis = await useRedis();
    const proxy = await startProxy(redis);
    onTestFinished(() => proxy.stop());
    const csv = join(useFolder(), "csv");
    const conf = { redis: { host: redis.host, port: proxy.port }, csv: { csv }, stopMs: STOP_MS };
    const sluice = await useSluice(conf);
    await push(redis.client, 0, COUNT);
    await until(async () => (await holders(redis)).length > 0, "chunks in hand");
    if (hang === "stall") proxy.stall(true);
    else await redis.kill("SIGSTOP");
    await sleep(200);
    const { code, ms } = await sluice.terminate();
    expect(ms).toBeLessThan(STOP_MS + 1500);
    expect(code).toBe(0);
    if (hang === "stall") proxy.stall(false);
    else await redis.kill("SIGCONT");
    const next = await useSluice(conf);
    await next.drained(redis, ["csv"]);
    await next.terminate();
    expect(arrivals(numbersIn(csv), COUNT)).toMatchObject({ missing: [], foreign: [] });
  });
}

test("started while Redis is absent: it stays up, says so, and is ready when Redis appears", async () => {
  const port = await freePort();
  const csv = join(useFolder(), "csv");
  const sluice = await useSluice({ redis: { host: "127.0.0.1", port }, csv: { csv }, stopMs: STOP_MS });
  await sluice.unready(/out of reach|not open yet/);
  await sleep(1500);
  const redis = await useRedis({ port });
  await sluice.ready(10);
  await push(redis.client, 0, 1000);
  await sluice.drained(redis, ["csv"]);
  expect((await sluice.terminate()).code).toBe(0);
  expect(arrivals(numbersIn(csv), 1000)).toEqual({ missing: [], foreign: [], duplicates: 0 });
});

test("SIGTERM while Redis is absent: it ends with 0 at once", async () => {
  const sluice = await useSluice({ redis: NO_SERVER, csv: { csv: useFolder() }, stopMs: STOP_MS });
  await sluice.unready(/./);
  const { code, ms } = await sluice.terminate();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(STOP_MS + 1000);
});

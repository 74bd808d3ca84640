import { expect, onTestFinished, test } from "vitest";
import { redisLogConfig, startRedis } from "../../test/support/redis.ts";
import { keysOf } from "./keys.ts";
import { openRedisLog } from "./redis.ts";
import { TIDY } from "./scripts.ts";

const LIST = { name: "analytics-tidy", wire: "msgpack" as const };
const DAY_MS = 24 * 3600 * 1000;

test("processes that are gone are forgotten, but none that has something in hand", async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const { log: key } = keysOf(LIST.name);
  const open = async () => {
    const limits = { leaseMs: 30_000, chunkRecords: 1, chunkBytes: 1 << 20 };
    const log = openRedisLog({ ...redisLogConfig(redis), ...limits }, { lists: [LIST] });
    onTestFinished(() => log.close());
    await log.open([{ name: "a", fingerprint: "" }]);
    return log;
  };
  const consumers = async () => ((await redis.client.xinfo("CONSUMERS", key, "a")) as unknown[]).length;
  await redis.client.rpush(LIST.name, "one", "two");
  const [holds, done] = [await open(), await open()];
  await holds.lists[0]!.claim();
  await holds.lists[0]!.take([{ sink: "a", chunks: 1 }]);
  const [refs] = await done.lists[0]!.take([{ sink: "a", chunks: 1 }]);
  await done.lists[0]!.ack("a", refs!);
  expect(await consumers()).toBe(2);

  // Both were seen today.
  expect(await done.tidy()).toBe(0);
  expect(await redis.client.eval(TIDY.source, 1, key, "a", DAY_MS)).toBe(0);
  // As if that were long ago.
  expect(await redis.client.eval(TIDY.source, 1, key, "a", 0)).toBe(1);
  expect(await consumers()).toBe(1);
  expect(((await redis.client.xpending(key, "a")) as [number])[0]).toBe(1);
});

test("the memory of Redis, and a backlog that is counted by what is there", async () => {
  const redis = await startRedis({ flags: { maxmemory: "100mb" } });
  onTestFinished(() => redis.stop());
  const limits = { leaseMs: 30_000, chunkRecords: 10, chunkBytes: 1 << 20 };
  const log = openRedisLog({ ...redisLogConfig(redis), ...limits }, { lists: [LIST] });
  onTestFinished(() => log.close());
  await log.open([{ name: "a", fingerprint: "" }]);
  expect(await log.memory()).toMatchObject({ max: 100 * 2 ** 20 });
  const [list] = log.lists;
  for (let chunk = 0; chunk < 100; chunk++) {
    await redis.client.rpush(LIST.name, ...Array.from({ length: 10 }, () => "x".repeat(100)));
    await list!.claim();
  }
  expect(await log.usage()).toMatchObject({ records: 1000 });
  // All but the first.
  const [refs] = await list!.take([{ sink: "a", chunks: 100 }]);
  await list!.ack("a", refs!.slice(1));
  expect(await list!.sweep()).toBe(99);
  expect(await log.usage()).toMatchObject({ records: 10 });
});

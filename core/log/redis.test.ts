import { afterEach, describe, expect, test } from "vitest";
import { redisLogConfig, startRedis } from "../../test/support/redis.ts";
import { conformance, type Engine, readAll, records, SINKS } from "./conformance.ts";
import { keysOf } from "./keys.ts";
import type { DeliveryLog, ListLog } from "./log.ts";
import { openRedisLog } from "./redis.ts";

async function start(chunkRecords = 1000): Promise<{ engine: Engine; stop(): Promise<void> }> {
  const redis = await startRedis();
  const config = {
    ...redisLogConfig(redis),
    leaseMs: 150,
    chunkRecords,
    chunkBytes: 4_000_000,
  };
  const engine: Engine = {
    chunkRecords,
    leaseMs: 150,
    create: (lists) => openRedisLog(config, { lists, sweepGraceMs: 0 }),
    async push(_log, list, records) {
      await redis.client.rpush(list, ...records.map((record) => Buffer.from(record)));
    },
    async stored(list) {
      const keys = await redis.client.keys("*");
      const chunks = keys.filter((key) => key.startsWith(keysOf(list).block("")));
      const lengths = await Promise.all(chunks.map((key) => redis.client.llen(key)));
      return lengths.reduce((sum, n) => sum + n, 0);
    },
    crash: (log) => log.close(),
  };
  return { engine, stop: () => redis.stop() };
}

conformance("Redis", () => start());

describe("a long list is claimed whole", () => {
  const NAME = "analytics-long";
  let engine: Engine;
  let stop: () => Promise<void>;
  let log: DeliveryLog;
  let list: ListLog;
  const open = async (chunkRecords: number) => {
    ({ engine, stop } = await start(chunkRecords));
    log = engine.create([{ name: NAME, wire: "msgpack" }]);
    await log.open(SINKS);
    list = log.lists[0]!;
  };
  afterEach(async () => {
    await log.close();
    await stop();
  });

  test("into one block of many chunks, which leave it at its head as they are done", async () => {
    await open(1000);
    const raw = records(4500).map((record) => Buffer.from(record).toString());
    await engine.push(log, NAME, records(4500));
    expect(await list.claim()).toEqual({ claimed: 4500, left: 0 });
    const [a, b] = await list.take(SINKS.map(({ name }) => ({ sink: name, chunks: 100 })));
    expect(a!.map((ref) => [ref.records, ref.behind])).toEqual([
      [1000, 3500],
      [1000, 2500],
      [1000, 1500],
      [1000, 500],
      [500, 0],
    ]);
    await list.ack("a", a!);
    // The second is still with b: what lies behind it stays as well.
    await list.ack("b", [b![0]!, b![2]!, b![4]!]);
    expect(await list.sweep()).toBe(1);
    expect(await engine.stored(NAME)).toBe(3500);
    expect(await list.read(b![0]!, 0, new SharedArrayBuffer(1 << 16))).toEqual({ missing: true });
    expect(await readAll(list, b![1]!, 10_000)).toEqual(raw.slice(1000, 2000));
    expect(await readAll(list, b![3]!)).toEqual(raw.slice(3000, 4000));
    await list.reject("b", b![3]!, [{ index: 999, reason: "the last of its chunk" }]);
    const [letter] = await list.readLetters(null, 10);
    expect(Buffer.from(letter!.raw).toString()).toBe(raw[3999]);
    await list.ack("b", [b![1]!]);
    expect(await list.sweep()).toBe(2);
    await list.ack("b", [b![3]!]);
    expect(await list.sweep()).toBe(2);
    expect(await engine.stored(NAME)).toBe(0);
    expect(await list.sweep()).toBe(0);
  });

  test("but for one of more than three thousand chunks, of which single ones are cut off", async () => {
    await open(2);
    await engine.push(log, NAME, records(6003));
    expect(await list.claim()).toEqual({ claimed: 2, left: 6001 });
    expect(await list.claim()).toEqual({ claimed: 2, left: 5999 });
    expect(await list.claim()).toEqual({ claimed: 5999, left: 0 });
    expect(await engine.stored(NAME)).toBe(6003);
  });
});

test("a list that this process has seen nothing of is asked for its length, and for the size of its records once it has some", async () => {
  const redis = await startRedis();
  const sent: string[] = [];
  const config = { ...redisLogConfig(redis), leaseMs: 1000, chunkRecords: 1000, chunkBytes: 40_000 };
  const lists = [{ name: "analytics-idle", wire: "msgpack" as const }];
  const former = openRedisLog(config, { lists });
  const log = openRedisLog(config, {
    lists,
    intercept: (send) => (command, args, about) => {
      sent.push(command);
      return send(command, args, about);
    },
  });
  try {
    await former.open(SINKS);
    await redis.client.rpush("analytics-idle", "x");
    await former.lists[0]!.claim();
    await former.close();
    await log.open(SINKS);
    const list = log.lists[0]!;
    const claim = async () => {
      sent.length = 0;
      return { ...(await list.claim()), sent: [...sent] };
    };
    // The first makes sure of the groups.
    await claim();
    for (let i = 0; i < 3; i++) expect(await claim()).toEqual({ claimed: 0, left: 0, sent: ["LLEN"] });
    await redis.client.rpush("analytics-idle", ...Array(100).fill("x".repeat(2000)));
    expect(await claim()).toMatchObject({ claimed: 100, sent: expect.arrayContaining(["MEMORY"]) });
    const [refs] = await list.take([{ sink: "a", chunks: 100 }]);
    // Cut to chunk_bytes from the first one on.
    expect(refs!.length).toBeGreaterThanOrEqual(6);
  } finally {
    await log.close();
    await redis.stop();
  }
});

test("behind a clock that was set back the places of chunks leap: a replica that lacks some would give the same ones to others", async () => {
  const redis = await startRedis();
  const config = { ...redisLogConfig(redis), leaseMs: 1000, chunkRecords: 2, chunkBytes: 4_000_000 };
  const log = openRedisLog(config, { lists: [{ name: "analytics-late", wire: "msgpack" }] });
  try {
    await log.open(SINKS);
    const list = log.lists[0]!;
    await redis.client.rpush("analytics-late", "a", "b", "c");
    await list.claim();
    const [first] = await list.take([{ sink: "a", chunks: 1 }]);
    expect(first![0]!.entry).toMatch(/^\d{13}-0$/);
    const { log: stream } = keysOf("analytics-late");
    const future = 99_999_999_999_999;
    await redis.client.xdel(stream, (await redis.client.xadd(stream, `${future}-7`, "c", "none")) as string);
    await redis.client.rpush("analytics-late", "d", "e", "f");
    await list.claim();
    const [refs] = await list.take([{ sink: "a", chunks: 10 }]);
    const places = refs!.map(({ entry }) => entry.split("-").map(Number));
    expect(places.map(([ms]) => ms)).toEqual([expect.any(Number), future, future]);
    expect(places[1]![1]).toBeGreaterThan(8);
    expect(places[2]![1]).toBe(places[1]![1]! + 1);
    expect((await Promise.all(refs!.map((ref) => readAll(list, ref)))).flat()).toEqual(["c", "d", "e", "f"]);
    expect(await list.ack("a", refs!)).toBe(3);
  } finally {
    await log.close();
    await redis.stop();
  }
});

test("the version is told as Tyk Pump tells its own, and a refusal of that stops nothing", async () => {
  const redis = await startRedis();
  const config = { ...redisLogConfig(redis), leaseMs: 150, chunkRecords: 10, chunkBytes: 4_000_000 };
  const warnings: string[] = [];
  const openOnce = async () => {
    const log = openRedisLog(config, { version: "1.2.3", warn: (message) => warnings.push(message) });
    await log.open(SINKS);
    await log.close();
  };
  await openOnce();
  expect(await redis.client.get("version-check-pump")).toBe("1.2.3");
  expect(await redis.client.ttl("version-check-pump")).toBe(-1);
  await redis.client.call("ACL", "SETUSER", "default", "-set");
  await openOnce();
  expect(warnings).toEqual([expect.stringContaining("version could not be stored")]);
  await redis.stop();
});

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { arrivals, numbersIn, push } from "../support/gateway.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { until } from "../support/pump.ts";
import type { RedisOptions, TestRedis } from "../support/redis.ts";
import { CHUNK, type SluiceProcess, useFolder, useRedis, useSluice } from "../support/sluice.ts";

const COUNT = 6000;

interface Scene {
  redis: TestRedis;
  proxy: TestProxy;
  sluice: SluiceProcess;
  csv: string;
}

/** A pump with one CSV sink, behind a proxy, started on a Redis that was made ready for it. */
async function scene(
  options: RedisOptions = {},
  chunkRecords = CHUNK,
  before: (redis: TestRedis) => Promise<void> = async () => {},
): Promise<Scene> {
  const redis = await useRedis(options);
  await before(redis);
  const proxy = await startProxy(redis);
  onTestFinished(() => proxy.stop());
  const csv = join(useFolder(), "csv");
  const sluice = await useSluice({ redis: { host: redis.host, port: proxy.port }, csv: { csv }, chunkRecords });
  await sluice.ready();
  return { redis, proxy, sluice, csv };
}

/** What the gateway pushes while things go wrong: `COUNT` records in all, one part before each fault. */
async function through(redis: TestRedis, faults: number, fault: (i: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < faults; i++) {
    await push(redis.client, Math.round((i * COUNT) / faults), Math.round(((i + 1) * COUNT) / faults));
    await fault(i);
  }
}

/** The process is the one that was started, and everything has arrived whole, and once: it knows what it has in hand. */
async function expectAll({ redis, sluice, csv }: Scene, duplicates = 0): Promise<void> {
  await sluice.drained(redis, ["csv"]);
  await sluice.ready();
  expect((await sluice.terminate()).code).toBe(0);
  const found = arrivals(numbersIn(csv), COUNT);
  expect(found).toMatchObject({ missing: [], foreign: [] });
  expect(found.duplicates).toBeLessThanOrEqual(duplicates);
}

async function killAndRestart({ redis, sluice }: Scene): Promise<void> {
  await redis.kill("SIGKILL");
  await sluice.unready(/Redis at 127\.0\.0\.1:\d+ is out of reach/);
  await redis.restart();
}

test("Redis (appendfsync always) killed with -9 and restarted while draining: everything arrives once, and /readyz tells while it is away", async () => {
  const it = await scene({ flags: { appendonly: "yes", appendfsync: "always" } });
  await through(it.redis, 4, async () => {
    await sleep(Math.random() * 100);
    await killAndRestart(it);
  });
  await expectAll(it);
});

test("Redis (appendfsync everysec) killed with -9 and restarted while draining: what it kept arrives, and what it forgot of our work comes again", async () => {
  const it = await scene({ flags: { appendonly: "yes", appendfsync: "everysec" } });
  await through(it.redis, 4, async () => {
    // Redis answers before it writes while a sync is under way: it has what was pushed once its buffer is empty.
    await until(
      async () => /aof_buffer_length:0\b/.test(await it.redis.client.info("persistence")),
      "the push on disk",
    );
    await sleep(Math.random() * 100);
    await killAndRestart(it);
  });
  // A rewind is forgetful: no bound but what was there.
  await expectAll(it, COUNT);
});

test("connections to Redis cut again and again: everything arrives", async () => {
  const it = await scene();
  await through(it.redis, 12, async () => {
    await sleep(Math.random() * 60);
    await it.redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await sleep(Math.random() * 60);
    it.proxy.cut();
  });
  await expectAll(it);
});

// What a pump sends, and what is in the reply that goes missing.
const COMMANDS = ["EVALSHA", "XREADGROUP", "XACK", "LRANGE", "XPENDING", "XINFO"];

test("replies of Redis lost after it did what was asked: nothing is lost, nothing is claimed twice", async () => {
  const it = await scene();
  await through(it.redis, 12, async (i) => {
    const before = it.proxy.lost;
    it.proxy.loseReplyTo(COMMANDS[i % COMMANDS.length]!);
    await until(() => it.proxy.lost > before, "a lost reply");
    await sleep(100);
  });
  it.proxy.loseReplyTo(null);
  await expectAll(it);
});

test("replies of Redis cut short anywhere: nothing is lost and nothing is torn", async () => {
  const it = await scene();
  await through(it.redis, 15, async (i) => {
    const before = it.proxy.lost;
    it.proxy.cutAfter(Math.floor(Math.random() * 2 ** (i + 1)));
    await until(() => it.proxy.lost > before, "a cut");
    await sleep(50);
  });
  await expectAll(it);
});

test("Redis at its maxmemory refuses writes: what it has is delivered, also by a pump that is started now, and the rest when there is room", async () => {
  const it = await scene({ flags: { maxmemory: "100mb", "maxmemory-policy": "noeviction" } }, CHUNK, async (redis) => {
    await push(redis.client, 0, COUNT / 2);
    await redis.client.config("SET", "maxmemory", "1mb");
  });
  // Deliveries make the room: acknowledgements and sweeps are not refused.
  await it.sluice.drained(it.redis, ["csv"]);
  await expect(push(it.redis.client, COUNT / 2, COUNT)).rejects.toThrow(/OOM/);
  await it.redis.client.config("SET", "maxmemory", "100mb");
  await push(it.redis.client, COUNT / 2, COUNT);
  await expectAll(it);
});

test("Redis without the replicas that it wants refuses writes: /readyz tells, and everything arrives once it takes them", async () => {
  const it = await scene();
  await push(it.redis.client, 0, COUNT);
  await it.redis.client.config("SET", "min-replicas-to-write", "1");
  await it.sluice.unready(/NOREPLICAS/);
  await sleep(500);
  await it.redis.client.config("SET", "min-replicas-to-write", "0");
  await expectAll(it);
});

test("Redis 200 ms away: everything arrives once", async () => {
  const it = await scene({}, 1000);
  it.proxy.delay(200);
  await through(it.redis, 3, () => sleep(300));
  await expectAll(it);
});

test("Redis stands still for longer than a lease: everything arrives", async () => {
  const it = await scene();
  await through(it.redis, 2, async () => {
    await it.redis.kill("SIGSTOP");
    await sleep(2000);
    await it.redis.kill("SIGCONT");
  });
  await expectAll(it);
});

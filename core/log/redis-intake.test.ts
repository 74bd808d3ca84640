import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startProxy, type TestProxy } from "../../test/support/proxy.ts";
import { redisLogConfig, startRedis, type TestRedis } from "../../test/support/redis.ts";
import type { RedisLogConfig } from "../config/config.ts";
import { claimAll, entry, readAll, records } from "./conformance.ts";
import { LOG_ERROR_CODES } from "./errors.ts";
import type { ListLog } from "./log.ts";
import { run, steps } from "./model.ts";
import { openRedisIntake } from "./redis-intake.ts";
import { openSqliteLog, type SqliteLog } from "./sqlite.ts";

const LIST = { name: "analytics-tyk-system-analytics", wire: "msgpack" as const };
const LIMITS = { leaseMs: 20, chunkRecords: 10, chunkBytes: 64 * 1024 };

let redis: TestRedis;
let proxy: TestProxy;
beforeAll(async () => {
  redis = await startRedis();
  proxy = await startProxy(redis);
});
afterAll(async () => {
  await proxy.stop();
  await redis.stop();
});
beforeEach(async () => {
  await redis.client.flushall();
});

const address = () => ({ host: redis.host, port: proxy.port });

function logIn(folder: string, config: RedisLogConfig = redisLogConfig(address(), { timeoutMs: 1000 })): SqliteLog {
  const intake = openRedisIntake({ redis: config, lists: [LIST.name], ...LIMITS });
  return openSqliteLog({ folder, ...LIMITS }, { lists: [LIST], intake });
}

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-intake-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function useLog(changes: Partial<RedisLogConfig> = {}): Promise<{ log: SqliteLog; list: ListLog }> {
  const log = logIn(useFolder(), redisLogConfig(address(), changes));
  onTestFinished(() => log.close());
  await log.open([entry("a")]);
  return { log, list: log.lists[0]! };
}

async function deliver(list: ListLog): Promise<string[]> {
  const [refs] = await list.take([{ sink: "a", chunks: 10_000 }]);
  const texts: string[] = [];
  for (const ref of refs!) texts.push(...(await readAll(list, ref, 64 * 1024)));
  await list.ack("a", refs!);
  return texts;
}

async function push(count: number, bytes = 0): Promise<string[]> {
  const raw = records(count, bytes).map((record) => Buffer.from(record));
  await redis.client.rpush(LIST.name, ...raw);
  return raw.map(String);
}

describe("the log on disk, fed from Redis", () => {
  test("random steps: no record is lost whatever reply is lost, wherever the process dies, and when Redis is rewound", async () => {
    await fc.assert(
      fc.asyncProperty(steps(), async (plan) => {
        await redis.client.flushall();
        const folder = mkdtempSync(join(tmpdir(), "sluice-intake-"));
        const world = {
          instances: 1,
          leaseMs: LIMITS.leaseMs,
          async open(sinks: Parameters<SqliteLog["open"]>[0]) {
            const log = logIn(folder);
            await log.open(sinks);
            return log;
          },
          async push(_log: unknown, texts: readonly string[]) {
            await redis.client.rpush(LIST.name, ...texts);
          },
          loseReply: () => proxy.loseReplyTo("\r\n"),
          calm: () => proxy.loseReplyTo(null),
          async snapshot() {
            const keys = await redis.client.keys("*");
            const dumps = await Promise.all(keys.map((key) => redis.client.dumpBuffer(key)));
            return async () => {
              await redis.client.flushall();
              await Promise.all(keys.map((key, i) => redis.client.call("RESTORE", [key, "0", dumps[i]!])));
              await redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
            };
          },
          async verifyRest() {
            const left = await redis.client.keys("*");
            if (left.length > 0) throw new Error(`left over: ${left}`);
          },
        };
        try {
          await run(world, plan);
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }),
      { numRuns: Number(process.env.SLUICE_PROPERTY_RUNS ?? 40), endOnFailure: true },
    );
  }, 300_000);

  test("order is kept, the gateway's expiry does not strike, nothing stays in Redis", async () => {
    const { list } = await useLog();
    const texts = await push(2500, 100);
    await redis.client.pexpire(LIST.name, 400);
    const { claimed, left } = await list.claim();
    expect(claimed + left).toBe(2500);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await claimAll(list);
    expect(await deliver(list)).toEqual(texts);
    expect(await redis.client.keys("*")).toEqual([]);
  });

  test("a record larger than a page, among small ones", async () => {
    const { list } = await useLog();
    const big = "b".repeat(1 << 20);
    await redis.client.rpush(LIST.name, "before", big, "after");
    await claimAll(list);
    const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
    const texts: string[] = [];
    for (const ref of refs!) texts.push(...(await readAll(list, ref, 4096)));
    expect(texts).toEqual(["before", big, "after"]);
  });

  test("a foreign value under the list's name stays where it is", async () => {
    const { list } = await useLog();
    await redis.client.set(LIST.name, "mine");
    await expect(list.claim()).rejects.toMatchObject({ code: LOG_ERROR_CODES.wrongType });
    expect(await redis.client.get(LIST.name)).toBe("mine");
  });

  test("a user without scripts and streams is enough; what is missing even so is named with its mend", async () => {
    const user = { username: "pump", password: "s3cret" };
    const rights = "+exists +llen +lrange +persist +renamenx +unlink +time".split(" ");
    await redis.client.call("ACL", "SETUSER", "pump", "on", ">s3cret", "~*analytics-*", ...rights);
    const { list } = await useLog(user);
    const texts = await push(100);
    await claimAll(list);
    expect(await deliver(list)).toEqual(texts);
    await redis.client.call("ACL", "SETUSER", "pump", "-renamenx");
    await expect(useLog(user)).rejects.toMatchObject({
      code: LOG_ERROR_CODES.refused,
      message: expect.stringMatching(/RENAMENX.*\+renamenx/),
    });
  });

  test("a full disk: what does not fit stays in Redis, and comes when there is room", async () => {
    const folder = useFolder();
    const intake = openRedisIntake({ redis: redisLogConfig(address()), lists: [LIST.name], ...LIMITS });
    const small = openSqliteLog({ folder, ...LIMITS }, { lists: [LIST], intake, maxPages: 30 });
    await small.open([entry("a")]);
    const texts = await push(1000, 1000);
    await expect(claimAll(small.lists[0]!)).rejects.toMatchObject({ code: LOG_ERROR_CODES.full });
    await small.close();
    const log = logIn(folder);
    onTestFinished(() => log.close());
    await log.open([entry("a")]);
    await claimAll(log.lists[0]!);
    expect(await deliver(log.lists[0]!)).toEqual(texts);
  });

  test("what is on disk is delivered while Redis is away", async () => {
    const folder = useFolder();
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const first = logIn(folder, redisLogConfig(server));
    await first.open([entry("a")]);
    await server.client.rpush(LIST.name, "one");
    await claimAll(first.lists[0]!);
    await first.close();
    await server.kill("SIGKILL");
    const second = logIn(folder, redisLogConfig(server, { timeoutMs: 300 }));
    onTestFinished(() => second.close());
    await second.open([entry("a")]);
    await expect(second.lists[0]!.claim()).rejects.toMatchObject({ code: LOG_ERROR_CODES.unavailable });
    expect(await deliver(second.lists[0]!)).toEqual(["one"]);
  });
});

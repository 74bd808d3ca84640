import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startProxy, type TestProxy } from "../../test/support/proxy.ts";
import { redisLogConfig, startRedis, type TestRedis } from "../../test/support/redis.ts";
import type { Send } from "./connection.ts";
import { type GatewayList, keysOf } from "./keys.ts";
import { crashedAt, LIFE, run, type Step, steps, type World } from "./model.ts";
import { openRedisLog } from "./redis.ts";
import { DELETE, GROUPS } from "./scripts.ts";

const LIST: GatewayList = { name: "analytics-tyk-system-analytics", wire: "msgpack" };
const KEYS = keysOf(LIST.name);
const LEASE_MS = 60;
const RUNS = Number(process.env.SLUICE_PROPERTY_RUNS ?? 40);

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

function world(intercept: (send: Send) => Send = (send) => send): World {
  return {
    instances: 2,
    leaseMs: LEASE_MS,
    async open(sinks) {
      const log = openRedisLog(
        {
          ...redisLogConfig({ host: redis.host, port: proxy.port }),
          leaseMs: LEASE_MS,
          chunkRecords: 10,
          chunkBytes: 4_000_000,
        },
        { lists: [LIST], sweepGraceMs: 0, intercept },
      );
      try {
        await log.open(sinks);
      } catch (error) {
        await log.close();
        throw error;
      }
      return log;
    },
    loseReply: () => proxy.loseReplyTo("\r\n"),
    calm: () => proxy.loseReplyTo(null),
    async push(_log, texts) {
      await redis.client.rpush(LIST.name, ...texts);
    },
    /** A block holds what its descriptors say, no more and no less; each record is in one place only. */
    async verify() {
      const [entries, keys, live] = await Promise.all([
        redis.client.xrange(KEYS.log, "-", "+"),
        redis.client.keys("*"),
        redis.client.lrange(LIST.name, 0, -1),
      ]);
      const described = new Map<string, number>();
      for (const [, [, block, , records, , , , behind]] of entries) {
        const key = KEYS.block(block!);
        const size = Number(records) + Number(behind);
        if (!described.has(key)) described.set(key, size);
        else if (size > described.get(key)!) throw new Error(`the chunks of ${key} are not in order`);
      }
      const blocks = keys.filter((key) => key.startsWith(KEYS.block("")));
      const texts = [...live];
      for (const key of blocks) {
        const held = await redis.client.lrange(key, 0, -1);
        if (held.length !== described.get(key)) throw new Error(`${key} has ${held.length}, not ${described.get(key)}`);
        texts.push(...held);
      }
      if (described.size !== blocks.length) throw new Error(`described ${[...described.keys()]}, there are ${blocks}`);
      if (new Set(texts).size !== texts.length) throw new Error("a record is in two places");
    },
    async verifyRest() {
      const keys = (await redis.client.keys("*")).sort();
      if (keys.some((key) => key !== KEYS.log && key !== KEYS.sinks)) throw new Error(`left over: ${keys}`);
      if ((await redis.client.xlen(KEYS.log)) !== 0) throw new Error("descriptors are left over");
    },
    async loseGroup(sink) {
      if ((await redis.client.exists(KEYS.log)) === 1) await redis.client.xgroup("DESTROY", KEYS.log, sink);
    },
    async snapshot() {
      const keys = await redis.client.keys("*");
      const dumps = await Promise.all(keys.map((key) => redis.client.dumpBuffer(key)));
      return async () => {
        await redis.client.flushall();
        await Promise.all(keys.map((key, i) => redis.client.call("RESTORE", [key, "0", dumps[i]!])));
        await redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      };
    },
  };
}

async function holds(plan: readonly Step[], intercept?: (send: Send) => Send): Promise<void> {
  await redis.client.flushall();
  await run(world(intercept), plan);
}

describe("delivery log under random steps: Redis", () => {
  test("no record is lost, no chunk changes, all comes to rest", async () => {
    await fc.assert(
      fc.asyncProperty(steps(), (plan) => holds(plan)),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 300_000);

  test("a crash at every step of a life with two instances", async () => {
    for (const at of LIFE.keys()) for (const instance of [0, 1]) await holds(crashedAt(at, instance));
  }, 300_000);

  // The test itself is tested: each of these breaks one rule, and must be noticed.
  const mutants: { [name: string]: (send: Send) => Send } = {
    "a sweep that ignores what is pending": (send) => (command, args, about) =>
      command === "XPENDING" && args.at(-1) === 1000 ? Promise.resolve([]) : send(command, args, about),
    "groups that begin at the end": (send) => (command, args, about) =>
      command === "EVALSHA" && args[0] === GROUPS.sha
        ? send("EVAL", [GROUPS.source.replace("'0'", () => "'$'"), ...args.slice(1)], about)
        : send(command, args, about),
    "a sweep that cuts a block behind what is dead": (send) => (command, args, about) => {
      if (command !== "EVALSHA" || args[0] !== DELETE.sha) return send(command, args, about);
      // The script's keys, then how much of each block stays.
      const blocks = Number(args[1]) - 1;
      const keeps = 2 + Number(args[1]);
      const cut = args.map((arg, i) => (i >= keeps && i < keeps + blocks ? Math.max(0, Number(arg) - 10) : arg));
      return send(command, cut, about);
    },
  };
  for (const [name, intercept] of Object.entries(mutants)) {
    test(`the test notices ${name}`, async () => {
      const result = await fc.check(
        fc.asyncProperty(steps(), (plan) => holds(plan, intercept)),
        { numRuns: 200, endOnFailure: true },
      );
      expect(result.failed).toBe(true);
      expect(String(result.errorInstance)).toMatch(/lacks|was deleted|has \d+, not|described/);
    }, 300_000);
  }
});

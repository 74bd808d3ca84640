import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startProxy } from "../../test/support/proxy.ts";
import { until } from "../../test/support/pump.ts";
import { redisLogConfig, startRedis, type TestRedis } from "../../test/support/redis.ts";
import { claimAll, readAll, records, SINKS, sleep } from "./conformance.ts";
import type { Send } from "./connection.ts";
import { LOG_ERROR_CODES } from "./errors.ts";
import { analyticsLists, keysOf } from "./keys.ts";
import type { DeliveryLog, ListLog } from "./log.ts";
import { openRedisLog, type RedisEngineConfig } from "./redis.ts";
import { DELETE } from "./scripts.ts";

const LEASE_MS = 60;
const listOf = (prefix: string) => analyticsLists(prefix)[0]!;
const NAME = listOf("analytics-").name;
/** Instants at which something is killed, tried at once. */
const AT_ONCE = 8;
const SLAB = new SharedArrayBuffer(1 << 16);

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis({ flags: { "repl-diskless-sync-delay": "0" } });
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.client.flushall();
});

interface Options {
  intercept?: (send: Send) => Send;
  prefix?: string;
  config?: Partial<RedisEngineConfig>;
  server?: TestRedis;
}

async function useLog({
  intercept,
  prefix = "analytics-",
  config,
  server = redis,
}: Options = {}): Promise<{ log: DeliveryLog; list: ListLog }> {
  const limits = { leaseMs: LEASE_MS, chunkRecords: 10, chunkBytes: 4_000_000 };
  const options = { lists: [listOf(prefix)], sweepGraceMs: 0, ...(intercept && { intercept }) };
  const log = openRedisLog({ ...redisLogConfig(server), ...limits, ...config }, options);
  onTestFinished(() => log.close());
  await log.open(SINKS);
  return { log, list: log.lists[0]! };
}

async function push(from: number, to: number, name = NAME): Promise<string[]> {
  const raw = records(to).slice(from);
  await redis.client.rpush(name, ...raw.map((record) => Buffer.from(record)));
  return raw.map((record) => Buffer.from(record).toString());
}

/** Delivers to a sink what comes to it until nothing is left that it could get; a chunk that is missing is nothing. */
async function drain(list: ListLog, sink: string, got: Set<string>): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    await claimAll(list);
    const [taken] = await list.take([{ sink, chunks: 100 }]);
    const refs = [...taken!, ...(await list.takeover(sink, 100))];
    for (const ref of refs) {
      if ("missing" in (await list.read(ref, 0, SLAB))) continue;
      for (const text of await readAll(list, ref)) got.add(text);
    }
    await list.ack(sink, refs);
    quiet = refs.length === 0 ? quiet + 1 : 0;
    if (refs.length === 0) await sleep(LEASE_MS / 2);
  }
}

describe("an instance that dies or stands still", () => {
  /** What one process does, from its first command to its last. */
  async function work(log: DeliveryLog, delivered: Map<string, Set<string>>): Promise<void> {
    const list = log.lists[0]!;
    await log.register(SINKS);
    await claimAll(list);
    for (const { name } of SINKS) {
      const [refs] = await list.take([{ sink: name, chunks: 3 }]);
      await list.extend(name, refs!);
      for (const ref of refs!) for (const text of await readAll(list, ref)) delivered.get(name)!.add(text);
      await list.reject(name, refs![0]!, [{ index: 0, reason: "why" }]);
      await list.ack(name, refs!.slice(0, 2));
      await list.release(name, refs!.slice(2));
    }
    await list.sweep();
  }

  test("killed ahead of each command, and behind each before its reply: another delivers everything to every sink", async () => {
    let struck = 0;
    for (let at = 1, end = false; !end; at += AT_ONCE) {
      const instants = Array.from({ length: AT_ONCE }, (_, i) => at + i);
      const killed = await Promise.all(instants.flatMap((n) => [killedAt("ahead", n), killedAt("behind", n)]));
      struck += killed.filter(Boolean).length;
      end = !killed.every(Boolean);
    }
    expect(struck).toBeGreaterThan(40);
  });

  /** On keys of its own. False: it had done all its work by then. */
  async function killedAt(where: "ahead" | "behind", at: number): Promise<boolean> {
    const prefix = `${where}-${at}-`;
    const keys = keysOf(listOf(prefix).name);
    const texts = await push(0, 35, keys.live);
    const died = new Error("killed");
    let count = Number.NEGATIVE_INFINITY;
    const intercept = (send: Send): Send => {
      return async (...args) => {
        count++;
        if (count > at || (count === at && where === "ahead")) throw died;
        const reply = await send(...args);
        if (count >= at) throw died;
        return reply;
      };
    };
    const { log } = await useLog({ intercept, prefix });
    const delivered = new Map(SINKS.map(({ name }) => [name, new Set<string>()]));
    count = 0;
    const end: unknown = await work(log, delivered).catch((error: unknown) => error);
    await log.close();
    if (end === undefined) return false;
    expect(end).toBe(died);
    const { list } = await useLog({ prefix });
    await sleep(1.2 * LEASE_MS);
    await Promise.all([...delivered].map(([name, got]) => drain(list, name, got)));
    for (const [name, got] of delivered) {
      expect([where, at, name, [...got].sort()]).toEqual([where, at, name, [...texts].sort()]);
    }
    await list.sweep();
    expect(await redis.client.xlen(keys.log)).toBe(0);
    return true;
  }

  test("a sweeper that stands still ahead of its deletion, while all goes on, deletes only what was done", async () => {
    let still: Promise<void> | null = null;
    let go = () => {};
    const intercept = (send: Send): Send => {
      return async (command, args, about) => {
        if (args[0] === DELETE.sha) await still;
        return send(command, args, about);
      };
    };
    const { list: sweeper } = await useLog({ intercept });
    const { list } = await useLog();
    const got = { a: new Set<string>(), b: new Set<string>() };
    const texts = await push(0, 30);
    await drain(list, "a", got.a);
    await drain(list, "b", got.b);
    texts.push(...(await push(30, 60)));
    await claimAll(list);
    const [held] = await list.take([{ sink: "a", chunks: 1 }]);
    still = new Promise((resolve) => {
      go = resolve;
    });
    const swept = sweeper.sweep();
    await sleep(20);
    // Meanwhile another sweeps the same, chunks are claimed and taken, and what was held changes hands.
    await list.sweep();
    texts.push(...(await push(60, 90)));
    await claimAll(list);
    await list.release("a", held!);
    go();
    await swept;
    await drain(list, "a", got.a);
    await drain(list, "b", got.b);
    for (const set of [got.a, got.b]) expect([...set].sort()).toEqual([...texts].sort());
  });
});

describe("a Redis that refuses or forgets", () => {
  test("a replica is promoted that lacks the claim, the groups, or the acknowledgements: all that it has is delivered", async () => {
    for (const lacks of ["the claim", "the groups", "the acknowledgements"]) {
      await redis.client.flushall();
      const replica = await startRedis();
      onTestFinished(() => replica.stop());
      const target = { host: redis.host, port: redis.port };
      const proxy = await startProxy(target);
      onTestFinished(() => proxy.stop());
      await replica.client.replicaof(redis.host, redis.port);
      await until(async () => (await replica.client.info("replication")).includes("link_status:up"), "it to follow");
      const { list } = await useLog({ config: { nodes: [{ host: redis.host, port: proxy.port }] } });
      const texts = await push(0, 30);
      const promote = async () => {
        await redis.client.wait(1, 5000);
        await replica.client.replicaof("NO", "ONE");
      };
      if (lacks === "the groups") await promote();
      await list.take([
        { sink: "a", chunks: 1 },
        { sink: "b", chunks: 1 },
      ]);
      if (lacks === "the claim") await promote();
      await claimAll(list);
      const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
      const got = { a: new Set<string>(), b: new Set<string>() };
      for (const ref of refs!) for (const text of await readAll(list, ref)) got.a.add(text);
      if (lacks === "the acknowledgements") await promote();
      await list.ack("a", refs!);
      await drain(list, "b", got.b);
      await list.sweep();

      target.port = replica.port;
      proxy.cut();
      const again = { a: new Set<string>(), b: new Set<string>() };
      await until(
        () =>
          list.claim().then(
            () => true,
            () => false,
          ),
        "the new master",
      );
      await sleep(1.2 * LEASE_MS);
      for (const sink of ["a", "b"] as const) {
        await drain(list, sink, again[sink]);
        expect([lacks, [...again[sink]].sort()]).toEqual([lacks, [...texts].sort()]);
      }
    }
  });

  test("each command refused for a while, in the middle of the work: nothing is lost", async () => {
    const user = { username: "pump", password: "s3cret" };
    await redis.client.call("ACL", "SETUSER", "pump", "on", ">s3cret", "~*", "+@all");
    const { list } = await useLog({ config: user });
    const got = { a: new Set<string>(), b: new Set<string>() };
    const texts: string[] = [];
    const commands =
      "evalsha exists persist xadd rename xrevrange hset xgroup xinfo xreadgroup xpending xclaim lrange xack hgetall xrange unlink xdel llen sort memory";
    for (const [i, command] of commands.split(" ").entries()) {
      texts.push(...(await push(i * 30, i * 30 + 30)));
      await redis.client.call("ACL", "SETUSER", "pump", `-${command}`);
      for (const step of [
        () => claimAll(list),
        () => drain(list, "a", got.a),
        () => drain(list, "b", got.b),
        () => list.sweep(),
      ]) {
        await step().catch((error: unknown) => expect(error).toMatchObject({ code: LOG_ERROR_CODES.refused }));
      }
      await redis.client.call("ACL", "SETUSER", "pump", `+${command}`);
    }
    await sleep(1.2 * LEASE_MS);
    for (const sink of ["a", "b"] as const) {
      await drain(list, sink, got[sink]);
      expect([...got[sink]].sort()).toEqual([...texts].sort());
    }
  });

  test("volatile-lru: sessions go, chunks stay; allkeys-lru: chunks that went are missing, and all others arrive", async () => {
    for (const policy of ["volatile-lru", "allkeys-lru"]) {
      const server = await startRedis({ flags: { maxmemory: "12mb", "maxmemory-policy": policy } });
      onTestFinished(() => server.stop());
      const { list } = await useLog({ server, config: { chunkRecords: 100 } });
      const accepted = new Set<string>();
      for (let i = 0; i < 100; i++) {
        const texts = Array.from({ length: 80 }, (_, n) => `record ${i} ${n} ${"x".repeat(2000)}`);
        const taken = await server.client.rpush(NAME, ...texts).catch(() => 0);
        if (taken > 0) for (const text of texts) accepted.add(text);
        await claimAll(list);
      }
      const got = new Set<string>();
      await drain(list, "a", got);
      if (policy === "volatile-lru") expect(got).toEqual(accepted);
      else {
        expect(got.size).toBeLessThan(accepted.size);
        expect([...got].every((text) => accepted.has(text))).toBe(true);
      }
      await server.client.flushall();
      await server.client.rpush(NAME, "after");
      const later = new Set<string>();
      await drain(list, "a", later);
      expect([...later]).toEqual(["after"]);
    }
  });

  test("an old pump with purge_chunk beside us: each record goes to one of both", async () => {
    const { list } = await useLog();
    const texts = await push(0, 2000);
    const theirs: string[] = [];
    let busy = true;
    const pump = (async () => {
      while (busy) {
        const reply = await redis.client.multi().lrange(NAME, 0, 6).ltrim(NAME, 7, -1).exec();
        theirs.push(...(reply![0]![1] as string[]));
        await redis.client.expire(NAME, 60);
      }
    })();
    const ours = new Set<string>();
    for (let i = 0; i < 20; i++) {
      texts.push(...(await push(2000 + i * 25, 2025 + i * 25)));
      await list.claim();
    }
    await drain(list, "a", ours);
    busy = false;
    await pump;
    expect([...theirs, ...ours].sort()).toEqual(texts.sort());
  });
});

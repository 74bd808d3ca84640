import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startProxy, type TestProxy } from "../../test/support/proxy.ts";
import { redisLogConfig, startRedis, type TestRedis } from "../../test/support/redis.ts";
import { claimAll, readAll, records, SINKS, sleep } from "./conformance.ts";
import type { Send } from "./connection.ts";
import { LOG_ERROR_CODES, unavailable } from "./errors.ts";
import { analyticsLists, keysOf } from "./keys.ts";
import type { DeliveryLog, ListLog, SinkEntry } from "./log.ts";
import { openRedisLog, type RedisEngineConfig } from "./redis.ts";

const LEASE_MS = 200;
const NAME = "analytics-tyk-system-analytics";
const KEYS = keysOf(NAME);
const LISTS = analyticsLists("analytics-").slice(0, 2);

let redis: TestRedis;
let proxy: TestProxy;
const open: DeliveryLog[] = [];
const warnings: string[] = [];

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.client.flushall();
  proxy = await startProxy(redis);
});
afterEach(async () => {
  for (const log of open.splice(0)) await log.close();
  await proxy.stop();
  warnings.length = 0;
});

function config(changes: Partial<RedisEngineConfig> = {}): RedisEngineConfig {
  return {
    ...redisLogConfig({ host: redis.host, port: proxy.port }, { timeoutMs: 1000 }),
    leaseMs: LEASE_MS,
    chunkRecords: 1000,
    chunkBytes: 4_000_000,
    ...changes,
  };
}

async function openLog(
  changes: Partial<RedisEngineConfig> = {},
  sinks: readonly SinkEntry[] = SINKS,
): Promise<{ log: DeliveryLog; list: ListLog }> {
  const log = openRedisLog(config(changes), {
    lists: LISTS.map((list) => ({ ...list, name: list.name.replace("analytics-", changes.keyPrefix ?? "analytics-") })),
    sweepGraceMs: 0,
    warn: (message) => warnings.push(message),
  });
  open.push(log);
  await log.open(sinks);
  return { log, list: log.lists[0]! };
}

async function push(count: number, bytes = 0, list = NAME): Promise<string[]> {
  const raw = records(count, bytes).map((record) => Buffer.from(record));
  for (let i = 0; i < raw.length; i += 1000) await redis.client.rpush(list, ...raw.slice(i, i + 1000));
  return raw.map(String);
}

/** Until it works again; other errors than "out of reach" are not expected. */
async function eventually<T>(work: () => Promise<T>, until: (value: T) => boolean = () => true): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      const value = await work();
      if (until(value)) return value;
    } catch (error) {
      if ((error as { code?: string }).code !== LOG_ERROR_CODES.unavailable) throw error;
    }
    if (performance.now() > deadline) throw new Error("not within ten seconds");
    await sleep(20);
  }
}

/** Delivers all that is there to a sink, by take and takeover, until nothing has come for a lease. */
async function deliverAll(list: ListLog, sink: string, count: number): Promise<string[]> {
  const texts: string[] = [];
  await eventually(
    async () => {
      const [taken] = await list.take([{ sink, chunks: 100 }]);
      for (const ref of [...taken!, ...(await list.takeover(sink, 100))]) {
        texts.push(...(await readAll(list, ref)));
        await list.ack(sink, [ref]);
      }
      return texts.length;
    },
    (n) => n >= count,
  );
  return texts;
}

describe("delivery log on Redis under faults", () => {
  test("the reply of a claim is lost: the chunk is there once, and the next claim does not touch it", async () => {
    const { list } = await openLog();
    const texts = await push(500);
    await list.claim().catch(() => undefined);
    await push(1);
    await list.claim();
    const more = await push(300);
    proxy.loseReplyTo("EVALSHA");
    await expect(list.claim()).rejects.toMatchObject({ code: LOG_ERROR_CODES.unavailable });
    expect(proxy.lost).toBe(1);
    // Done, though nobody knows; the gateway goes on.
    expect(await redis.client.llen(NAME)).toBe(0);
    await push(1);
    await eventually(() => claimAll(list));
    const got = await deliverAll(list, "a", 802);
    expect(got).toEqual([...texts, "record 0 ", ...more, "record 0 "]);
  });

  test("the reply of a read of the group is lost: the chunks come again after a lease", async () => {
    const { list } = await openLog();
    const texts = await push(2000);
    await claimAll(list);
    proxy.loseReplyTo("XREADGROUP");
    await expect(list.take([{ sink: "a", chunks: 5 }])).rejects.toMatchObject({ code: LOG_ERROR_CODES.unavailable });
    expect(await deliverAll(list, "a", 2000)).toEqual(texts);
  });

  test("the reply of an acknowledgement is lost: it stands", async () => {
    const { list } = await openLog();
    await push(1000);
    await claimAll(list);
    const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
    proxy.loseReplyTo("XACK");
    await expect(list.ack("a", refs!)).rejects.toMatchObject({ code: LOG_ERROR_CODES.unavailable });
    expect(await eventually(() => list.ack("a", refs!))).toBe(0);
    await sleep(2.5 * LEASE_MS);
    expect(await list.takeover("a", 5)).toEqual([]);
  });

  test("a bulk read that is cut fails, and the next one works; the slab of the first is written no more", async () => {
    const { list } = await openLog();
    const texts = await push(1000, 1000);
    await claimAll(list);
    const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
    const slab = new SharedArrayBuffer(2 << 20);
    proxy.loseReplyTo("LRANGE");
    await expect(list.read(refs![0]!, 0, slab)).rejects.toMatchObject({ code: LOG_ERROR_CODES.unavailable });
    new Uint8Array(slab).fill(7);
    expect(await eventually(() => readAll(list, refs![0]!))).toEqual(texts);
    expect(new Uint8Array(slab).every((byte) => byte === 7)).toBe(true);
  });

  test("a connection that hangs is given up after the timeout", async () => {
    const { log, list } = await openLog({ timeoutMs: 300 });
    await push(1000);
    await claimAll(list);
    const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
    proxy.stall(true);
    const from = performance.now();
    const results = await Promise.allSettled([
      list.read(refs![0]!, 0, new SharedArrayBuffer(1 << 20)),
      list.extend("a", refs!),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(performance.now() - from).toBeLessThan(2000);
    expect(log.connectedAt).toBe(null);
    proxy.stall(false);
    expect((await eventually(() => readAll(list, refs![0]!))).length).toBe(1000);
  });

  test("replies in tiny pieces, many at once", async () => {
    const { list } = await openLog();
    const texts = await push(1500, 40);
    await claimAll(list);
    const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
    proxy.dribble(13);
    const got = await Promise.all([...refs!, ...refs!].map((ref) => readAll(list, ref, 20_000)));
    expect(got.flat()).toEqual([...texts, ...texts]);
  });

  test("CLIENT KILL, SCRIPT FLUSH, FLUSHALL: all goes on by itself", async () => {
    const { log, list } = await openLog();
    await push(1000);
    await claimAll(list);
    await redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await redis.client.script("FLUSH");
    await push(500);
    await eventually(() => claimAll(list));
    expect((await deliverAll(list, "a", 1500)).length).toBe(1500);
    await redis.client.flushall();
    await push(700);
    await claimAll(list);
    expect((await deliverAll(list, "a", 700)).length).toBe(700);
    expect((await deliverAll(list, "b", 700)).length).toBe(700);
    expect(await list.sweep()).toBe(1);
    expect(log.connectedAt).not.toBe(null);
  });

  test("a lost group is made again at the beginning, and nothing is swept meanwhile", async () => {
    const { list } = await openLog();
    const texts = await push(1000);
    await claimAll(list);
    await deliverAll(list, "a", 1000);
    await redis.client.xgroup("DESTROY", KEYS.log, "b");
    expect(await list.sweep()).toBe(0);
    const [refs] = await list.take([{ sink: "b", chunks: 5 }]);
    expect(refs!.every((ref) => ref.redelivered)).toBe(true);
    expect(await readAll(list, refs![0]!)).toEqual(texts);
  });

  test("a server that is restarted without its memory, and one that was away at the start", async () => {
    const server = await startRedis();
    const log = openRedisLog(config({ nodes: [server], timeoutMs: 500 }), { lists: LISTS, sweepGraceMs: 0 });
    try {
      await server.kill("SIGKILL");
      await expect(log.open(SINKS)).rejects.toMatchObject({ code: LOG_ERROR_CODES.unavailable });
      await server.restart();
      await eventually(() => log.open(SINKS));
      const list = log.lists[0]!;
      await server.client.rpush(NAME, "one");
      await claimAll(list);
      await server.kill("SIGKILL");
      await expect(list.claim()).rejects.toMatchObject({ code: LOG_ERROR_CODES.unavailable });
      await server.restart();
      await server.client.rpush(NAME, "two");
      await eventually(() => claimAll(list));
      expect(await deliverAll(list, "a", 1)).toEqual(["two"]);
    } finally {
      await log.close();
      await server.stop();
    }
  });

  test("keys of a wrong type stop their own list only, and lose nothing", async () => {
    const { log, list } = await openLog();
    const other = log.lists[1]!;
    const wrong = { code: LOG_ERROR_CODES.wrongType };
    await push(5, 0, other.name);
    // The live list.
    await redis.client.set(NAME, "mine");
    await expect(list.claim()).rejects.toMatchObject(wrong);
    expect((await other.claim()).claimed).toBe(5);
    await redis.client.del(NAME);
    // The log, before it was ever used: the records stay where they are.
    await push(3);
    await redis.client.del(KEYS.log);
    await redis.client.set(KEYS.log, "mine");
    await expect(list.claim()).rejects.toMatchObject(wrong);
    await expect(list.take([{ sink: "a", chunks: 1 }])).rejects.toMatchObject(wrong);
    expect(await redis.client.llen(NAME)).toBe(3);
    await log.usage();
    await log.register(SINKS);
    expect(warnings.join()).toContain(KEYS.log);
    await redis.client.del(KEYS.log);
    await claimAll(list);
    // A chunk.
    const [refs] = await list.take([{ sink: "a", chunks: 1 }]);
    const chunk = KEYS.block(refs![0]!.chunk.split(".")[1]!);
    await redis.client.rename(chunk, "kept");
    await redis.client.set(chunk, "mine");
    await expect(list.read(refs![0]!, 0, new SharedArrayBuffer(4096))).rejects.toMatchObject(wrong);
    await redis.client.rename("kept", chunk);
    expect((await readAll(list, refs![0]!)).length).toBe(3);
  });

  test("out of memory: delivery and sweeping go on, and so do claims", async () => {
    const server = await startRedis();
    const log = openRedisLog(config({ nodes: [server] }), { lists: LISTS, sweepGraceMs: 0 });
    try {
      await log.open(SINKS);
      const list = log.lists[0]!;
      await server.client.rpush(NAME, ...records(3000, 100).map((record) => Buffer.from(record)));
      await list.claim();
      await server.client.config("SET", "maxmemory", "1mb");
      await expect(server.client.rpush(NAME, "more")).rejects.toThrow("OOM");
      await claimAll(list);
      for (const sink of ["a", "b"]) expect((await deliverAll(list, sink, 3000)).length).toBe(3000);
      expect(await list.sweep()).toBe(3);
      // Also of a list that had nothing yet, and needs groups first.
      await server.client.config("SET", "maxmemory", "0");
      await server.client.rpush(LISTS[1]!.name, "one");
      await server.client.config("SET", "maxmemory", "1mb");
      expect(await log.lists[1]!.claim()).toEqual({ claimed: 1, left: 0 });
    } finally {
      await log.close();
      await server.stop();
    }
  });

  test("a master that becomes a replica is left, and found again", async () => {
    const { list } = await openLog();
    await push(5);
    await redis.client.replicaof("127.0.0.1", "1");
    await expect(list.claim()).rejects.toMatchObject({ code: LOG_ERROR_CODES.refused });
    await redis.client.replicaof("NO", "ONE");
    expect(await eventually(() => claimAll(list))).toBe(5);
  });

  test("commands that the user may not run are named at the start; passwords never", async () => {
    await redis.client.call("ACL", "SETUSER", "pump", "on", ">s3cret", "~*", "+@all", "-xclaim", "-sort");
    const allowed = { username: "pump", password: "s3cret" };
    await expect(openLog(allowed)).rejects.toMatchObject({
      code: LOG_ERROR_CODES.refused,
      message: expect.stringMatching(/XCLAIM(?!.*SORT)/),
    });
    await redis.client.call("ACL", "SETUSER", "pump", "+xclaim");
    const { list } = await openLog(allowed);
    const texts = await push(2500);
    await claimAll(list);
    expect(await deliverAll(list, "a", 2500)).toEqual(texts);
    const wrong = await openLog({ username: "pump", password: "wr0ng" }).catch((error: unknown) => error);
    expect(wrong).toMatchObject({ code: LOG_ERROR_CODES.auth });
    expect(JSON.stringify(wrong) + String(wrong) + String((wrong as Error).cause)).not.toContain("wr0ng");
    await redis.client.call("ACL", "SETUSER", "pump", "-eval", "-evalsha");
    await expect(openLog(allowed)).rejects.toMatchObject({ code: LOG_ERROR_CODES.refused });
  });

  test("a list that cannot be claimed does not expire, also where its groups were never made", async () => {
    await redis.client.set(KEYS.log, "mine");
    const { list } = await openLog();
    await push(3);
    await redis.client.expire(NAME, 60);
    await expect(list.claim()).rejects.toMatchObject({ code: LOG_ERROR_CODES.wrongType });
    expect(await redis.client.ttl(NAME)).toBe(-1);
  });

  test("a database number that there is not is named at once", async () => {
    const error = await openLog({ database: 99 }).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: LOG_ERROR_CODES.refused,
      message: expect.stringContaining("DB index is out of range"),
    });
  });

  test("a user without a password does not sign in", async () => {
    const { list } = await openLog({ username: "nobody" });
    const texts = await push(2);
    await claimAll(list);
    expect(await deliverAll(list, "a", 2)).toEqual(texts);
  });

  test("a password that is not asked for is no obstacle, and nothing is said past the log", async () => {
    const said = vi.spyOn(console, "warn");
    const { list } = await openLog({ password: "s3cret" });
    const texts = await push(2);
    await claimAll(list);
    expect(await deliverAll(list, "a", 2)).toEqual(texts);
    expect(said).not.toHaveBeenCalled();
    said.mockRestore();
  });

  test("password and database number, on both connections", async () => {
    const server = await startRedis({ password: "s3cret" });
    const log = openRedisLog(config({ nodes: [server], password: "s3cret", database: 3 }), { lists: LISTS });
    try {
      await log.open(SINKS);
      await server.client.select(3);
      await server.client.rpush(NAME, "one");
      await claimAll(log.lists[0]!);
      expect(await deliverAll(log.lists[0]!, "a", 1)).toEqual(["one"]);
    } finally {
      await log.close();
      await server.stop();
    }
  });

  test("30,000 records, and one of 50 MB among small ones", async () => {
    const { list } = await openLog({ timeoutMs: 10_000 });
    const texts = await push(30_000);
    await claimAll(list);
    expect(await deliverAll(list, "a", 30_000)).toEqual(texts);
    const big = Buffer.alloc(50 << 20, "b");
    await redis.client.rpush(NAME, "before", big, "after");
    await claimAll(list);
    const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
    const slab = new SharedArrayBuffer(1 << 20);
    expect(await list.read(refs![0]!, 0, slab)).toMatchObject({ to: 1 });
    const blocked = await list.read(refs![0]!, 1, slab);
    if (!("need" in blocked)) throw new Error("it cannot fit");
    expect(await list.read(refs![0]!, 1, new SharedArrayBuffer(blocked.need))).toMatchObject({
      at: expect.any(Number),
    });
    expect(await list.read(refs![0]!, 2, slab)).toMatchObject({ to: 3, bytes: 5 });
  });

  test("braces in the prefix", async () => {
    for (const keyPrefix of ["{env}analytics-", "a{b-", "{}x-"]) {
      const { list } = await openLog({ keyPrefix });
      await push(1500, 0, list.name);
      await claimAll(list);
      expect((await deliverAll(list, "a", 1500)).length).toBe(1500);
      await deliverAll(list, "b", 1500);
      expect(await list.sweep()).toBe(2);
    }
  });

  test("an owner that was stopped for longer than its lease does not take its chunks back", async () => {
    const { list: stopped } = await openLog();
    const { list: taker } = await openLog();
    await push(2000);
    await claimAll(stopped);
    const [refs] = await stopped.take([{ sink: "a", chunks: 5 }]);
    await sleep(1.5 * LEASE_MS);
    const taken = await taker.takeover("a", 1);
    expect(taken.map(({ chunk }) => chunk)).toEqual([refs![0]!.chunk]);
    // It wakes up and renews: one is another's now, the other is still its own.
    expect(await stopped.extend("a", refs!)).toEqual([refs![0]!]);
    expect(await taker.extend("a", taken)).toEqual([]);
    expect(await taker.takeover("a", 5)).toEqual([]);
    // What it wrote all the same counts: done is done.
    expect(await stopped.ack("a", refs!)).toBe(2);
    expect(await taker.ack("a", taken)).toBe(0);
  });

  test("a process that was stopped hears from its renewal what it lost", async () => {
    const module = fileURLToPath(new URL("./redis.ts", import.meta.url));
    const script = `
      const { openRedisLog } = await import(${JSON.stringify(module)});
      const log = openRedisLog(${JSON.stringify(config())}, { lists: ${JSON.stringify(LISTS)} });
      await log.open(${JSON.stringify(SINKS)});
      const list = log.lists[0];
      const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
      console.log("took " + refs.length);
      for (;;) {
        const lost = await list.extend("a", refs);
        if (lost.length > 0) console.log("lost " + lost.map((ref) => ref.chunk).join());
        if (lost.length > 0) process.exit();
        await new Promise((resolve) => setTimeout(resolve, ${LEASE_MS / 4}));
      }`;
    const { list } = await openLog();
    await push(1000);
    await claimAll(list);
    const owner = spawn(process.execPath, ["--input-type=module", "-e", script]);
    const lines = createInterface({ input: owner.stdout })[Symbol.asyncIterator]();
    try {
      expect((await lines.next()).value).toBe("took 1");
      await sleep(2 * LEASE_MS);
      expect(await list.takeover("a", 5)).toEqual([]);
      owner.kill("SIGSTOP");
      await sleep(1.5 * LEASE_MS);
      const [taken] = await list.takeover("a", 5);
      owner.kill("SIGCONT");
      expect((await lines.next()).value).toBe(`lost ${taken!.chunk}`);
      expect(await list.extend("a", [taken!])).toEqual([]);
    } finally {
      owner.kill("SIGKILL");
    }
  });

  test("no takeover in the first lease of a connection, but of what was handed back", async () => {
    const first = await openLog();
    await push(3000);
    await claimAll(first.list);
    const [refs] = await first.list.take([{ sink: "a", chunks: 5 }]);
    await sleep(1.5 * LEASE_MS);
    await first.list.release("a", [refs![2]!]);
    const second = await openLog();
    expect((await second.list.takeover("a", 5)).map(({ chunk }) => chunk)).toEqual([refs![2]!.chunk]);
    await sleep(LEASE_MS);
    expect((await second.list.takeover("a", 5)).length).toBe(3);
  });

  test("an evicted chunk is missing, a foreign descriptor is nothing", async () => {
    const { list } = await openLog();
    await push(10);
    await claimAll(list);
    await redis.client.xadd(KEYS.log, "*", "hello", "world");
    const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
    expect(refs!.map((ref) => ref.records)).toEqual([10, 0]);
    await redis.client.del(KEYS.block(refs![0]!.chunk.split(".")[1]!));
    for (const ref of refs!) {
      expect(await list.read(ref, 0, new SharedArrayBuffer(1024))).toEqual({ missing: true });
      expect(await list.extend("a", [ref])).toEqual([]);
      expect(await list.ack("a", [ref])).toBe(1);
    }
  });

  test("two instances with other sinks share a list", async () => {
    const one = await openLog();
    const log = openRedisLog(config(), { lists: LISTS, sweepGraceMs: 0, warn: (message) => warnings.push(message) });
    open.push(log);
    await push(1000);
    await claimAll(one.list);
    await log.open([
      { name: "a", fingerprint: "another" },
      { name: "c", fingerprint: "" },
    ]);
    expect(warnings.join()).toContain("configures the sink a differently");
    for (const sink of ["a", "b"]) await deliverAll(one.list, sink, 1000);
    expect(await one.list.sweep()).toBe(0);
    await deliverAll(log.lists[0]!, "c", 1000);
    expect(await one.list.sweep()).toBe(1);
  });

  test("a list that is used for the first time while an instance is away is kept for the sinks that only this one has", async () => {
    const { log: away } = await openLog({}, [...SINKS, { name: "its own", fingerprint: "" }]);
    const { log } = await openLog();
    const list = log.lists[1]!;
    await push(1, 0, list.name);
    await claimAll(list);
    for (const { name } of SINKS) await deliverAll(list, name, 1);
    expect(await list.sweep()).toBe(0);
    await deliverAll(away.lists[1]!, "its own", 1);
    expect(await list.sweep()).toBe(1);
  });

  test("a sink is forgotten or renamed in all lists: where one is away in none, and what stopped between two is gone on with", async () => {
    /** Of what is sent to the second list's node. */
    let away: (command: string) => boolean = () => false;
    const intercept =
      (send: Send): Send =>
      (command, args, about) =>
        about.includes("_protobuf") && away(command)
          ? Promise.reject(unavailable("other:6379"))
          : send(command, args, about);
    for (const { name } of LISTS) await push(1, 0, name);
    const { log: running } = await openLog();
    await running.close();
    const log = openRedisLog(config(), { lists: LISTS, intercept });
    open.push(log);
    await log.open([]);
    const [, second] = LISTS;
    const names = () =>
      Promise.all(
        LISTS.map(async ({ name }) => {
          const groups = (await redis.client.xinfo("GROUPS", keysOf(name).log)) as unknown[][];
          return groups.map(([, group]) => group).join("");
        }),
      );
    const refused = (what: RegExp) => ({
      code: LOG_ERROR_CODES.unavailable,
      message: expect.stringMatching(new RegExp(`list ${second!.name} is out of reach, ${what.source}.*other:6379`)),
    });
    away = () => true;
    await expect(log.forgetSink("a")).rejects.toMatchObject(refused(/and nothing was changed/));
    await expect(log.renameSink("a", "c")).rejects.toMatchObject(refused(/and nothing was changed/));
    expect(await names()).toEqual(["ab", "ab"]);

    away = (command) => command === "EVALSHA";
    await expect(log.renameSink("a", "c")).rejects.toMatchObject(refused(/and others may be changed already/));
    away = (command) => command === "HDEL";
    await expect(log.forgetSink("b")).rejects.toMatchObject(refused(/and others may be changed already/));
    expect(await eventually(names, (both) => String(both) === "c,ab")).toBeTruthy();
    away = () => false;
    expect(await log.renameSink("a", "c")).toBe(true);
    await log.forgetSink("b");
    expect(await names()).toEqual(["c", "c"]);
  });

  test("unused lists leave no keys; used ones are persisted against the gateway's expiry", async () => {
    const { list } = await openLog();
    await sleep(10);
    // The first tells of the sinks.
    expect((await redis.client.keys("*")).sort()).toEqual([KEYS.log, KEYS.sinks].sort());
    await push(3500);
    await redis.client.expire(NAME, 60);
    await list.claim();
    const { list: small } = await openLog({ chunkRecords: 1 });
    await push(3500);
    await redis.client.expire(NAME, 60);
    expect(await small.claim()).toEqual({ claimed: 1, left: 3499 });
    const keys = await redis.client.keys("*");
    expect(keys.filter((key) => key.startsWith(KEYS.block(""))).length).toBe(2);
    for (const key of keys) expect(await redis.client.ttl(key)).toBe(-1);
  });

  test("a policy that evicts is warned of", async () => {
    await redis.client.config("SET", "maxmemory", "1gb");
    await redis.client.config("SET", "maxmemory-policy", "allkeys-lru");
    await openLog();
    await redis.client.config("SET", "maxmemory-policy", "noeviction");
    await redis.client.config("SET", "maxmemory", "0");
    expect(warnings.join()).toContain("allkeys-lru");
  });
});

import { execFileSync } from "node:child_process";
import { expect, onTestFinished, test } from "vitest";
import { claimAll, readAll, SINKS } from "../core/log/conformance.ts";
import type { DeliveryLog } from "../core/log/log.ts";
import { openRedisLog } from "../core/log/redis.ts";
import { read } from "./sources.ts";
import { LIST } from "./support/gateway.ts";
import { redisLogConfig, startRedis, type TestRedis } from "./support/redis.ts";

const document = read("docs/redis.md");
const LIMITS = { leaseMs: 100, chunkRecords: 1000, chunkBytes: 4_000_000 };

async function useRedis(): Promise<TestRedis> {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return redis;
}

function openLog(redis: TestRedis, changes: Parameters<typeof redisLogConfig>[1] = {}): DeliveryLog {
  const log = openRedisLog({ ...redisLogConfig(redis, changes), ...LIMITS }, { sweepGraceMs: 0 });
  onTestFinished(() => log.close());
  return log;
}

/** Ids, names and times that differ from run to run. */
function alike(text: string): string {
  return text
    .replace(/\d{13}-\d+/g, "<id>")
    .replace(/\.[\w-]{16}"/g, '.<block>"')
    .replace(/"[\w-]{16}"/g, '"<block>"')
    .replace(/"(?!entries-read)[\w-]{12}"/g, '"<process>"')
    .replace(/\\"(seen|by)\\":(\d+|\\"[\w-]+\\")/g, '\\"$1\\":<$1>');
}

test("the examples of docs/redis.md say what redis-cli says", async () => {
  const redis = await useRedis();
  const log = openLog(redis);
  const list = log.lists.find(({ name }) => name === LIST)!;
  await log.open(["csv", "audit"].map((name) => ({ name, fingerprint: "f1" })));
  for (let i = 0; i < 3; i++) await redis.client.rpush(LIST, ...Array.from({ length: 1000 }, () => "record"));
  await claimAll(list);
  await redis.client.rpush(LIST, ...Array.from({ length: 40 }, () => "record"));
  const [all, held] = await list.take([
    { sink: "csv", chunks: 3 },
    { sink: "audit", chunks: 1 },
  ]);
  await list.ack("csv", all!);
  await list.reject("audit", held![0]!, [{ index: 7, reason: "no JSON" }]);

  const blocks = [...document.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) => block!);
  expect(blocks.length).toBeGreaterThan(5);
  for (const block of blocks) {
    for (const [, command, shown] of block.matchAll(/^\$ redis-cli (.*)\n((?:(?!\$ ).*\n)*)/gm)) {
      // The shell's quotes are all that the examples use of it.
      const args = [...command!.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
      const printed = execFileSync("redis-cli", ["--no-raw", "-p", String(redis.port), ...args], { encoding: "utf8" });
      expect(`${command}\n${alike(printed)}`).toBe(`${command}\n${alike(shown!)}`);
    }
  }
});

test("the rights of docs/redis.md are enough for all that the log does, and none is too many", async () => {
  const redis = await useRedis();
  const lines = [...document.matchAll(/^ACL SETUSER sluice on >a-password .*$/gm)].map(([line]) => line);
  expect(lines).toHaveLength(2);
  const [command, ...args] = lines[0]!.split(" ");
  await redis.client.call(command!, ...args);
  const user = { username: "sluice", password: "a-password" };
  const log = openLog(redis, user);
  await log.open(SINKS);
  const list = log.lists.find(({ name }) => name === LIST)!;
  await redis.client.rpush(LIST, ...Array.from({ length: 2500 }, () => "record"));
  await claimAll(list);
  await log.register(SINKS);
  for (const sink of ["a", "b"]) {
    const [refs] = await list.take([{ sink, chunks: 10 }]);
    expect(await list.extend(sink, refs!)).toEqual([]);
    await list.release(sink, refs!);
    const taken = await list.takeover(sink, 10);
    expect(taken).toHaveLength(3);
    for (const ref of taken) expect(await readAll(list, ref)).toHaveLength(ref.records);
    await list.reject(sink, taken[0]!, [{ index: 0, reason: "why" }]);
    expect(await list.ack(sink, taken)).toBe(3);
  }
  const letters = await list.readLetters(null, 10);
  expect(await list.dropLetters(letters.map(({ id }) => id))).toBe(2);
  expect(await list.letters("a")).toEqual({ records: 0, bytes: 0 });
  expect(await list.lag("a")).toMatchObject({ chunks: 0 });
  expect((await log.usage()).records).toBeGreaterThanOrEqual(2500);
  expect((await log.sinks()).map(({ name }) => name).sort()).toEqual(["a", "b"]);
  await log.forgetSink("b");
  expect(await list.sweep()).toBe(3);
  await log.close();

  // Each right is needed: without it the start says which is missing, or takes another way.
  const withoutHarm = ["+rpush", "+sort"];
  for (const right of args.filter((arg) => arg.startsWith("+") && !withoutHarm.includes(arg))) {
    await redis.client.call("ACL", "SETUSER", "sluice", `-${right.slice(1)}`);
    await redis.client.script("FLUSH");
    const refused = openLog(redis, { ...user, timeoutMs: 1000 });
    const error: unknown = await refused.open(SINKS).catch((reason: unknown) => reason);
    await refused.close();
    const name = right.slice(1).split("|")[0]!.toUpperCase();
    expect(`${right}: ${String(error)}`).toMatch(
      name.startsWith("EVAL") ? /refuses scripts/ : new RegExp(`\\b${name}\\b`),
    );
    await redis.client.call("ACL", "SETUSER", "sluice", right);
  }
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { expect, onTestFinished, test, vi } from "vitest";
import { redisLogConfig, startRedis } from "../../test/support/redis.ts";
import { keysOf, UPTIME_LIST } from "../log/keys.ts";
import { openRedisLog } from "../log/redis.ts";
import { SpoolStore } from "../log/spool-store.ts";
import { forget, importSpool, list, rename } from "./sinks.ts";

const LIST = "analytics-tyk-system-analytics";
const LIMITS = { leaseMs: 30_000, chunkRecords: 10, chunkBytes: 1 << 20 };

interface Scene {
  client: Redis;
  conf: string;
  spool: string;
  said(): string;
  /** The sinks were last named so long ago, ms. */
  age(ms: number): Promise<void>;
}

/** Two sinks, of which "a" has 30 records in hand and 20 unread, and "b" none left; 50 records. */
async function scene(): Promise<Scene> {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const folder = mkdtempSync(join(tmpdir(), "sluice-sinks-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const conf = join(folder, "pump.conf");
  const spool = join(folder, "spool");
  mkdirSync(join(folder, "csv"));
  writeFileSync(
    conf,
    JSON.stringify({
      analytics_storage_config: { host: redis.host, port: redis.port },
      pumps: { b: { type: "csv", meta: { csv_dir: join(folder, "csv") } } },
      sluice: { backlog: { spool_dir: spool } },
    }),
  );
  const log = openRedisLog({ ...redisLogConfig(redis), ...LIMITS });
  await log.open(["a", "b"].map((name) => ({ name, fingerprint: "f" })));
  const records = log.lists.find(({ name }) => name === LIST)!;
  await redis.client.rpush(LIST, ...Array.from({ length: 50 }, (_, i) => `record ${i}`));
  await records.claim();
  const [[held], all] = [
    await records.take([{ sink: "a", chunks: 3 }]),
    await records.take([{ sink: "b", chunks: 9 }]),
  ];
  // The second of the three is done: the new name has it once more, and loses nothing.
  await records.ack("a", [held![1]!]);
  await records.ack("b", all[0]!);
  await log.close();
  const lines: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  onTestFinished(() => {
    vi.restoreAllMocks();
  });
  const { sinks } = keysOf(LIST);
  return {
    client: redis.client,
    conf,
    spool,
    said: () => lines.splice(0).join(""),
    async age(ms) {
      for (const name of ["a", "b"]) {
        const told = JSON.parse((await redis.client.hget(sinks, name)) ?? "{}");
        await redis.client.hset(sinks, name, JSON.stringify({ ...told, seen: Date.now() - ms }));
      }
    },
  };
}

async function groups({ client }: Scene): Promise<unknown[]> {
  return ((await client.xinfo("GROUPS", keysOf(LIST).log)) as unknown[][]).map(([, name]) => name).sort();
}

test("sinks list: what waits for each, and whether it is configured", async () => {
  const it = await scene();
  expect(await list({ conf: it.conf, json: true })).toBe(0);
  expect(JSON.parse(it.said())).toMatchObject([
    { name: "a", configured: false, lag: { chunks: 4, records: 40 }, spooled: 0 },
    { name: "b", configured: true, lag: { chunks: 0, records: 0 }, spooled: 0 },
  ]);
  await list({ conf: it.conf });
  expect(it.said()).toMatch(/^sink +configured here +last seen .*\na +no +\d+ ms|s ago +40/m);
});

test("sinks forget: not one that an instance has just named, not without a yes; then its group is gone", async () => {
  const it = await scene();
  const { conf } = it;
  await expect(forget("a", { conf, yes: true })).rejects.toThrow(/An instance that runs configures the sink a/);
  await it.age(60_000);
  await expect(forget("c", { conf, yes: true })).rejects.toThrow(/no sink c. There are: a, b/);
  await expect(forget("a", { conf })).rejects.toThrow(/40 records are waiting for it.*--yes/);
  expect(await groups(it)).toEqual(["a", "b"]);
  expect(await forget("a", { conf, yes: true })).toBe(0);
  expect(await groups(it)).toEqual(["b"]);
});

test("sinks rename: the new name has all that the old one was not done with", async () => {
  const it = await scene();
  const { conf } = it;
  await it.age(60_000);
  await expect(rename("a", "b", { conf })).rejects.toThrow(/knows the sink b already/);
  expect(await rename("a", "c", { conf })).toBe(0);
  expect(await groups(it)).toEqual(["b", "c"]);
  it.said();
  await list({ conf, json: true });
  expect(JSON.parse(it.said())).toMatchObject([{ name: "b" }, { name: "c", lag: { chunks: 5, records: 50 } }]);
});

test("spool import: each record is moved once, also when it is begun again, and the lost spool is told to be gone", async () => {
  const it = await scene();
  const lost = join(it.spool, "..", "lost");
  const ends = Uint32Array.of(1, 3);
  const chunk = (name: string) => ({ name, at: 1, ends, data: Buffer.from("abb") });
  const source = new SpoolStore(lost);
  source.add(LIST, "a", [chunk("1-0.x"), chunk("2-0.x")]);
  const { nonce } = source;
  source.close();
  const before = new SpoolStore(it.spool);
  before.add(LIST, "a", [chunk("1-0.x")]);
  before.close();

  expect(await importSpool(lost, { conf: it.conf, json: true })).toBe(0);
  expect(JSON.parse(it.said())).toEqual({ chunks: 2, records: 4, bytes: 6 });
  expect(await importSpool(lost, { conf: it.conf, json: true })).toBe(0);
  expect(JSON.parse(it.said())).toMatchObject({ chunks: 0 });
  await expect(importSpool(it.spool, { conf: it.conf })).rejects.toThrow(/in use|is the spool of this instance/);
  const after = new SpoolStore(it.spool);
  expect(after.count("a")).toEqual({ chunks: 2, records: 4, bytes: 6 });
  expect(after.absorbed()).toEqual([nonce]);
  after.close();
});

/** Chunks that wait for "a" on this instance's disk. */
function spoolOf({ spool }: Scene): SpoolStore {
  const store = new SpoolStore(spool);
  const chunk = { at: 1, ends: Uint32Array.of(1, 3), data: Buffer.from("abb") };
  store.add(LIST, "a", [
    { name: "1-0.x", ...chunk },
    { name: "2-0.x", ...chunk },
  ]);
  return store;
}

test("sinks forget and rename: nothing is changed while a pump has the spool; both are changed when it has not", async () => {
  const it = await scene();
  const { conf } = it;
  await it.age(60_000);
  const running = spoolOf(it);
  const refused = /Nothing was changed: the spool .* a pump that runs has it. Stop that pump/;
  await expect(forget("a", { conf, yes: true })).rejects.toThrow(refused);
  await expect(rename("a", "c", { conf })).rejects.toThrow(refused);
  expect(await groups(it)).toEqual(["a", "b"]);
  running.close();
  expect(await rename("a", "c", { conf })).toBe(0);
  expect(await forget("b", { conf, yes: true })).toBe(0);
  const after = new SpoolStore(it.spool);
  expect([...after.counts().keys()]).toEqual(["c"]);
  after.close();
  expect(await groups(it)).toEqual(["c"]);
});

test("sinks rename: one that stopped between two lists, or before the spool, is run again to its end", async () => {
  const it = await scene();
  const { conf } = it;
  await it.age(60_000);
  const other = keysOf(`${LIST}_protobuf`);
  await it.client.xgroup("CREATE", other.log, "c", "0", "MKSTREAM");
  spoolOf(it).close();
  expect(await rename("a", "c", { conf })).toBe(0);
  expect(await groups(it)).toEqual(["b", "c"]);
  spoolOf(it).close();
  expect(await rename("a", "c", { conf })).toBe(0);
  await expect(rename("a", "c", { conf })).rejects.toThrow(/no sink a. There are: /);
  const after = new SpoolStore(it.spool);
  expect([...after.counts()]).toEqual([["c", { chunks: 2, records: 4, bytes: 6 }]]);
  after.close();
  await it.client.xgroup("CREATE", keysOf(UPTIME_LIST.name).log, "u", "0", "MKSTREAM");
  await expect(rename("c", "u", { conf })).rejects.toThrow(/knows the sink u already/);
});

test("sinks forget: what only the spool still has", async () => {
  const it = await scene();
  const { conf } = it;
  await it.age(60_000);
  expect(await forget("a", { conf, yes: true })).toBe(0);
  spoolOf(it).close();
  await expect(forget("a", { conf })).rejects.toThrow(/4 records are waiting for it.*--yes/);
  expect(await forget("a", { conf, yes: true })).toBe(0);
  const after = new SpoolStore(it.spool);
  expect(after.counts().size).toBe(0);
  after.close();
});

test("sinks forget and rename: also where a list that no sink reads has records", async () => {
  const it = await scene();
  const { conf } = it;
  await it.age(60_000);
  await it.client.rpush(UPTIME_LIST.name, "uptime");
  expect(await rename("a", "c", { conf })).toBe(0);
  expect(await forget("c", { conf, yes: true })).toBe(0);
  expect(await groups(it)).toEqual(["b"]);
});

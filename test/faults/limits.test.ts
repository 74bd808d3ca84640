import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import type { BacklogConfig } from "../../core/config/config.ts";
import { keysOf } from "../../core/log/keys.ts";
import { SpoolStore } from "../../core/log/spool-store.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { CouldNotRun } from "../support/could-not-run.ts";
import { arrivals, isDrained, LIST, LISTS, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import type { TestRedis } from "../support/redis.ts";
import { CHUNK, type SluiceProcess, useFolder, useRedis, useSluiceWith } from "../support/sluice.ts";

// Several seconds each on a quiet machine; some wait for a pause between two tries.
vi.setConfig({ testTimeout: 150_000 });

const COUNT = 20_000;
const LIMIT = 1_000_000;
/** The pause between two tries of a call is up to half a minute, seconds. */
const PATIENCE_S = 90;

interface Scene {
  redis: Pick<TestRedis, "client"> | TestCluster;
  spool: string;
  start(backlog?: Partial<BacklogConfig>): Promise<SluiceProcess>;
  /** The sink "down" works from now on. */
  mend(): void;
  /** Identity and number of each record that a sink has. */
  has(sink: string): { id: string; number: number }[];
}

interface SceneOptions {
  spool?: string;
  servers?: Scene["redis"] & { host: string; port: number; cluster?: boolean };
  /** How "down" is down: it refuses, or it hangs and works at once when it is mended. Default: it refuses. */
  hangs?: boolean;
}

/** Two sinks, "up" and "down", on one Redis unless other servers are given. */
async function scene({
  spool = join(useFolder(), "spool"),
  servers,
  hangs = false,
}: SceneOptions = {}): Promise<Scene> {
  const redis = servers ?? (await useRedis({ flags: { maxmemory: "100mb" } }));
  const folder = useFolder();
  const file = (sink: string) => join(folder, `${sink}.out`);
  writeFileSync(`${file("up")}.open`, "");
  const disk = { folder: spool, maxBytes: 0, full: "hold" as const };
  return {
    redis,
    spool,
    start: (backlog) =>
      useSluiceWith(
        redis,
        { up: { type: "gated", module: "gated.ts" }, down: { type: "gated", module: "gated.ts", config: { hangs } } },
        {
          folder,
          cluster: servers?.cluster ?? false,
          backlog: { maxBytes: LIMIT, policy: "spool", spool: disk, ...backlog },
        },
      ),
    mend: () => writeFileSync(`${file("down")}.open`, ""),
    has(sink) {
      if (!existsSync(file(sink))) return [];
      const lines = readFileSync(file(sink), "utf8").split("\n").slice(0, -1);
      return lines.map((line) => ({ id: line.split(" ")[0]!, number: Number(/\/items\/(\d+)$/.exec(line)?.[1]) }));
    },
  };
}

function numbers(it: Scene, sink: string): number[] {
  return it.has(sink).map(({ number }) => number);
}

/** NaN while it does not answer. */
async function value(sluice: SluiceProcess, metric: string): Promise<number> {
  const line = (await sluice.metrics().catch(() => "")).split("\n").find((one) => one.startsWith(`${metric} `));
  return line === undefined ? Number.NaN : Number(line.slice(metric.length + 1));
}

const spooled = (sluice: SluiceProcess) => value(sluice, 'sluice_sink_spool_records{sink="down"}');
const backlog = (sluice: SluiceProcess) => value(sluice, "sluice_backlog_bytes");

async function pays(sluice: SluiceProcess, state: string): Promise<void> {
  await sluice.says((now) => now?.sinks.down?.backlog === state, `that the sink is ${state}`);
}

/** All that is on disk and in Redis is with both sinks. */
async function settled(it: Scene, sluices: SluiceProcess | readonly SluiceProcess[], lists = [LIST]): Promise<void> {
  const all = [sluices].flat();
  await until(
    async () => {
      // In this order: what is not in Redis any more is on disk.
      for (const list of lists) if (!(await isDrained(it.redis.client, ["up", "down"], list))) return false;
      return (await Promise.all(all.map(spooled))).every((records) => records === 0);
    },
    () => `the spool to be empty\n${all.map((sluice) => sluice.tail()).join("\n")}`,
    PATIENCE_S,
  );
}

test("a sink that is down pays with its own records: they go to disk, the other sink has everything meanwhile, and each record arrives once, under its name, when it works again", async () => {
  const it = await scene();
  const sluice = await it.start();
  await push(it.redis.client, 0, COUNT);
  await sluice.drained(it.redis, ["up"]);
  await pays(sluice, "spooling");
  await until(async () => (await spooled(sluice)) > COUNT / 2, "more than half of it on disk");
  await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis", PATIENCE_S);
  expect(await value(sluice, "sluice_backlog_limit_bytes")).toBe(LIMIT);
  expect(arrivals(numbers(it, "up"), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });

  it.mend();
  await settled(it, sluice);
  await sluice.says((now) => now?.sinks.down?.backlog === "ok" && now.alarms.length === 0, "that all is well");
  expect((await sluice.terminate()).code).toBe(0);
  expect(arrivals(numbers(it, "down"), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });
  const name = ({ id, number }: { id: string; number: number }) => `${id} ${number}`;
  expect(it.has("down").map(name).sort()).toEqual(it.has("up").map(name).sort());
  expect(sluice.output.match(/sink down is spooling/g)).toHaveLength(1);
});

test("killed with -9 while records go to disk, and started again: nothing is lost, and the count is told to the other instances", async () => {
  const it = await scene();
  await push(it.redis.client, 0, COUNT);
  let last = 0;
  for (let kill = 0; kill < 3; kill++) {
    const sluice = await it.start({ maxBytes: LIMIT / (kill + 1) });
    await until(
      async () => (await spooled(sluice)) > last,
      () => `more on disk\n${sluice.tail()}`,
    );
    last = await spooled(sluice);
    await sleep(Math.random() * 50);
    await sluice.kill();
  }
  const sluice = await it.start();
  const told = async () => (await it.redis.client.hget(keysOf(LIST).sinks, "down")) ?? "{}";
  await until(async () => Object.values(JSON.parse(await told()).spools ?? {}).some(Number), "a count in Redis", 40);
  it.mend();
  await settled(it, sluice);
  await sluice.terminate();
  const store = new SpoolStore(it.spool);
  onTestFinished(() => store.close());
  expect(store.counts()).toEqual(new Map());
  for (const sink of ["up", "down"]) {
    expect(arrivals(numbers(it, sink), COUNT)).toMatchObject({ missing: [], foreign: [] });
  }
});

test("records that are dropped are the oldest of the sink that is down, and are counted wherever one looks", async () => {
  const it = await scene();
  const sluice = await it.start({ policy: "drop_oldest", spool: null });
  await push(it.redis.client, 0, COUNT);
  await sluice.drained(it.redis, ["up"]);
  await pays(sluice, "dropping");
  await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis", PATIENCE_S);
  it.mend();
  await sluice.drained(it.redis, ["up", "down"], { seconds: PATIENCE_S });
  await sluice.says((now) => now?.sinks.down?.backlog === "ok", "that all is well");
  const dropped = await value(sluice, 'sluice_sink_dropped_records_total{sink="down"}');
  expect(dropped).toBeGreaterThan(0);
  expect(arrivals(numbers(it, "up"), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });
  const { missing, duplicates } = arrivals(numbers(it, "down"), COUNT);
  // What was under way when it was dropped may have arrived all the same.
  expect(missing.length).toBeLessThanOrEqual(dropped);
  expect(missing.length).toBeGreaterThan(dropped - 10 * CHUNK);
  expect(dropped).toBeLessThan(COUNT);
  expect(duplicates).toBe(0);
  const letters = (await it.redis.client.xrange(keysOf(LIST).dead, "-", "+")).map(([, fields]) => fields[7]);
  expect(letters).toEqual([expect.stringContaining(`${dropped} records in `)]);
});

test("a spool on a full disk: all is kept in Redis and /readyz says so; when there is room it goes to disk again", async () => {
  const small = useFolder();
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", small]);
  if (status !== 0) throw new CouldNotRun(`a small file system cannot be mounted: ${String(stderr)}`);
  onTestFinished(() => {
    spawnSync("umount", ["-l", small]);
  });
  const it = await scene({ spool: small });
  const sluice = await it.start();
  await push(it.redis.client, 0, COUNT);
  await sluice.drained(it.redis, ["up"]);
  await pays(sluice, "holding");
  await sluice.says((now) => now?.alarms.some((alarm) => /disk is full/.test(alarm)) === true, "that the disk is full");
  spawnSync("mount", ["-o", "remount,size=64m", small]);
  await pays(sluice, "spooling");
  await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis", PATIENCE_S);
  it.mend();
  await settled(it, sluice);
  for (const sink of ["up", "down"]) {
    expect(arrivals(numbers(it, sink), COUNT)).toMatchObject({ missing: [], foreign: [] });
  }
});

test.each(["hold", "drop_oldest"] as const)(
  "a spool that has reached spool_max_bytes, %s: on disk no more than that, and nothing is lost or all that is gone is counted",
  async (full) => {
    const it = await scene({ hangs: true });
    const maxBytes = 2_000_000;
    const sluice = await it.start({ spool: { folder: it.spool, maxBytes, full } });
    await push(it.redis.client, 0, COUNT);
    await sluice.drained(it.redis, ["up"]);
    await pays(sluice, full === "hold" ? "holding" : "dropping");
    expect(statSync(join(it.spool, "spool.db")).size).toBeLessThanOrEqual(maxBytes + 16 * 1024);
    expect(await spooled(sluice)).toBeGreaterThan(0);
    if (full === "hold") {
      await sluice.says((now) => now?.alarms.some((one) => /as large as it may be/.test(one)) === true, "why");
    } else await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis");
    it.mend();
    await settled(it, sluice);
    await sluice.says((now) => now?.sinks.down?.backlog === "ok", "that all is well");
    const dropped = await value(sluice, 'sluice_sink_dropped_records_total{sink="down"}');
    expect(arrivals(numbers(it, "up"), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });
    const { missing, foreign } = arrivals(numbers(it, "down"), COUNT);
    expect(foreign).toEqual([]);
    expect(missing.length).toBeLessThanOrEqual(dropped);
    if (full === "hold") expect(dropped).toBe(0);
    else expect(dropped).toBeGreaterThan(0);
  },
);

test("Redis at its maxmemory, refusing the gateway: the sink that is down makes the room, and the gateway's records are taken again", async () => {
  const redis = await useRedis();
  const it = await scene({ servers: redis, hangs: true });
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.client.info("memory"))![1]);
  const empty = await used();
  await push(redis.client, 0, COUNT);
  const full = await used();
  await redis.client.config("SET", "maxmemory", Math.round(empty + (full - empty) / 2));
  await expect(push(redis.client, COUNT, COUNT + 1)).rejects.toThrow("OOM");
  // The limit alone would let it be.
  const sluice = await it.start({ maxBytes: full });
  await sluice.drained(redis, ["up"]);
  await pays(sluice, "spooling");
  for (let at = COUNT; at < COUNT + 1000; at += 100) {
    const taken = () =>
      push(redis.client, at, at + 100).then(
        () => true,
        () => false,
      );
    await until(taken, () => `the gateway to be let in\n${sluice.tail()}`);
  }
  it.mend();
  await settled(it, sluice);
  for (const sink of ["up", "down"]) {
    expect(arrivals(numbers(it, sink), COUNT + 1000)).toMatchObject({ missing: [], foreign: [] });
  }
});

test("two instances at the limit: each takes a part of the price to its own disk, and each record arrives", async () => {
  const it = await scene({ hangs: true });
  const spools = [0, 1].map(() => ({ folder: join(useFolder(), "spool"), maxBytes: 0, full: "hold" as const }));
  const both = await Promise.all(spools.map((spool) => it.start({ spool })));
  await Promise.all(both.map((sluice) => sluice.ready()));
  for (let at = 0; at < COUNT; at += COUNT / 10) await push(it.redis.client, at, at + COUNT / 10);
  await both[0]!.drained(it.redis, ["up"]);
  const onDisk = async () => (await Promise.all(both.map(spooled))).reduce((sum, records) => sum + records);
  await until(async () => (await onDisk()) > COUNT / 2, "more than half of it on disk");
  for (const sluice of both) await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis");
  it.mend();
  await settled(it, both);
  for (const sluice of both) expect((await sluice.terminate()).code).toBe(0);
  expect(arrivals(numbers(it, "up"), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });
  expect(arrivals(numbers(it, "down"), COUNT)).toMatchObject({ missing: [], foreign: [] });
});

test("the limit on a Cluster is one for all its nodes: the lists of each are spooled, and each record arrives", async () => {
  const cluster = await startCluster({ flags: { maxmemory: "100mb" } });
  onTestFinished(() => cluster.stop());
  const { host, port } = cluster.masters[0]!;
  const it = await scene({ servers: Object.assign(cluster, { host, port, cluster: true }), hangs: true });
  const lists = cluster.masters.map((node) => LISTS.find((list) => cluster.ownerOf(list) === node)!);
  const sluice = await it.start();
  const share = Math.floor(COUNT / lists.length);
  for (const [i, list] of lists.entries()) await push(cluster.client, i * share, (i + 1) * share, list);
  await sluice.drained(cluster, ["up"], { lists });
  await pays(sluice, "spooling");
  await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis", PATIENCE_S);
  it.mend();
  await settled(it, sluice, lists);
  expect((await sluice.terminate()).code).toBe(0);
  for (const sink of ["up", "down"]) {
    expect(arrivals(numbers(it, sink), share * lists.length)).toMatchObject({ missing: [], foreign: [] });
  }
});

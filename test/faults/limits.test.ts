import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { BacklogConfig } from "../../core/config/config.ts";
import { keysOf } from "../../core/log/keys.ts";
import { SpoolStore } from "../../core/log/spool-store.ts";
import { CouldNotRun } from "../support/could-not-run.ts";
import { arrivals, isDrained, LIST, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import type { TestRedis } from "../support/redis.ts";
import { CHUNK, type SluiceProcess, useFolder, useRedis, useSluiceWith } from "../support/sluice.ts";

const COUNT = 20_000;
const LIMIT = 1_000_000;

interface Scene {
  redis: TestRedis;
  spool: string;
  start(backlog?: Partial<BacklogConfig>): Promise<SluiceProcess>;
  /** The sink "down" works from now on. */
  mend(): void;
  /** Identity and number of each record that a sink has. */
  has(sink: string): { id: string; number: number }[];
}

/** Two sinks on one Redis, "up" and "down". */
async function scene(spool = join(useFolder(), "spool")): Promise<Scene> {
  const redis = await useRedis({ flags: { maxmemory: "100mb" } });
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
        { up: { type: "gated", module: "gated.ts" }, down: { type: "gated", module: "gated.ts" } },
        { folder, backlog: { maxBytes: LIMIT, policy: "spool", spool: disk, ...backlog } },
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
async function settled(it: Scene, sluice: SluiceProcess): Promise<void> {
  await until(
    // In this order: what is not in Redis any more is on disk.
    async () => (await isDrained(it.redis.client, ["up", "down"])) && (await spooled(sluice)) === 0,
    () => `the spool to be empty\n${sluice.tail()}`,
  );
}

test("a sink that is down pays with its own records: they go to disk, the other sink has everything meanwhile, and each record arrives once, under its name, when it works again", async () => {
  const it = await scene();
  const sluice = await it.start();
  await push(it.redis.client, 0, COUNT);
  await sluice.drained(it.redis, ["up"]);
  await pays(sluice, "spooling");
  await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis");
  expect(await spooled(sluice)).toBeGreaterThan(COUNT / 2);
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
  await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis");
  it.mend();
  await sluice.drained(it.redis, ["up", "down"]);
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
  const it = await scene(small);
  const sluice = await it.start();
  await push(it.redis.client, 0, COUNT);
  await sluice.drained(it.redis, ["up"]);
  await pays(sluice, "holding");
  await sluice.says((now) => now?.alarms.some((alarm) => /disk is full/.test(alarm)) === true, "that the disk is full");
  spawnSync("mount", ["-o", "remount,size=64m", small]);
  await pays(sluice, "spooling");
  await until(async () => (await backlog(sluice)) < LIMIT, "room in Redis");
  it.mend();
  await settled(it, sluice);
  for (const sink of ["up", "down"]) {
    expect(arrivals(numbers(it, sink), COUNT)).toMatchObject({ missing: [], foreign: [] });
  }
});

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { encodeMsgpack } from "@sluice/sdk/record";
import { expect, onTestFinished, test } from "vitest";
import { createCompute } from "../../core/compute/pool.ts";
import { type ControlClient, controlClient } from "../../core/control/client.ts";
import type { Letters } from "../../core/control/control.ts";
import { createDeadLetters } from "../../core/control/dead-letters.ts";
import { createReplay } from "../../core/control/replay.ts";
import { openRedisLog } from "../../core/log/redis.ts";
import { LIST, recordOf } from "../support/gateway.ts";
import { TestPump, type TestSink, until } from "../support/pump.ts";
import { numbered } from "../support/records.ts";
import { redisLogConfig } from "../support/redis.ts";
import { type SluiceProcess, useFolder, useRedis, useSluice, useSluiceWith } from "../support/sluice.ts";

const RECORDS = 250;
/** Neighbours, the ends of chunks, and some alone. */
const POISON = [0, 3, 4, 5, 50, 99, 100, 101, 180, 249];
/** In the test with kill -9. */
const LETTERS = 80;
const PICKY: TestSink = { type: "picky", module: "picky.ts" };

interface Scene {
  pump: TestPump;
  letters: Letters;
  /** The sink takes poison from now on. */
  correct(sink: string): void;
}

/** Sinks that have refused the poison. */
async function scene(sinks: { [name: string]: TestSink }): Promise<Scene> {
  const pump = new TestPump(sinks);
  onTestFinished(async () => void (await pump.stop()));
  const compute = createCompute({ idleMs: 0 });
  onTestFinished(() => compute.close());
  for (const name of Object.keys(sinks)) writeFileSync(`${pump.file(name)}.strict`, "");
  await pump.start(numbered(RECORDS, { poison: POISON }));
  for (const name of Object.keys(sinks)) await pump.delivered(name, RECORDS);
  const replay = createReplay(pump.supervisor);
  return {
    pump,
    letters: createDeadLetters({ lists: pump.log.lists, compute, replay }),
    correct: (sink) => rmSync(`${pump.file(sink)}.strict`),
  };
}

const count = async (letters: Letters, sink: string) => (await letters.list({ sink })).records;
const poisonOf = (pump: TestPump, sink: string) => pump.noted(sink).filter(({ path }) => path === "/poison");
const idle = (pump: TestPump) => until(() => pump.supervisor.idle(), "the pump to be idle");

test.each(["worker", "process"] as const)(
  "letters go to their sink alone, under the ids that they had: %s",
  async (isolation) => {
    const { pump, letters, correct } = await scene({ a: { ...PICKY, plugin: { isolation } }, b: PICKY });
    const before = pump.noted("b");
    const { letters: listed } = await letters.list({ sink: "a" });
    expect(listed).toHaveLength(POISON.length);
    for (const name of ["a", "b"]) correct(name);
    expect(await letters.replay({ sink: "a" })).toEqual({ records: POISON.length, skipped: [] });
    await until(async () => (await count(letters, "a")) === 0, "the letters to be gone");
    expect(
      poisonOf(pump, "a")
        .map(({ id }) => id)
        .sort(),
    ).toEqual(listed.map(({ chunk, index }) => `${chunk}.${index}`).sort());
    expect(pump.noted("b")).toEqual(before);
    expect(await count(letters, "b")).toBe(POISON.length);
    await idle(pump);
  },
);

test("what is refused again is a new letter in place of the old one, and can be replayed again", async () => {
  const { pump, letters, correct } = await scene({ a: PICKY });
  const before = (await letters.list({})).letters;
  expect((await letters.replay({ ids: before.map(({ id }) => id) })).records).toBe(POISON.length);
  const replaced = async () => {
    const now = (await letters.list({})).letters;
    return now.length === POISON.length && now.every(({ id }) => !before.some((old) => old.id === id));
  };
  await until(replaced, "the letters to be replaced");
  await idle(pump);
  const identities = (some: typeof before) => some.map(({ chunk, index }) => `${chunk}.${index}`).sort();
  expect(identities((await letters.list({})).letters)).toEqual(identities(before));
  correct("a");
  expect((await letters.replay({ limit: 4 })).records).toBe(4);
  await until(async () => (await count(letters, "a")) === POISON.length - 4, "four to be delivered");
  await letters.replay({});
  await until(async () => (await count(letters, "a")) === 0, "the rest to be delivered");
  expect(new Set(poisonOf(pump, "a").map(({ id }) => id)).size).toBe(POISON.length);
});

test("a sink that marks chunks as counted counts what is replayed, once", async () => {
  const { pump, letters, correct } = await scene({ exact: { type: "exact", module: "exact.ts" } });
  const hits = () => {
    const db = new DatabaseSync(pump.file("exact"), { readOnly: true });
    try {
      return db.prepare("SELECT sum(n) AS n FROM hits").get()!.n;
    } finally {
      db.close();
    }
  };
  expect(hits()).toBe(RECORDS - POISON.length);
  await letters.replay({});
  await idle(pump);
  expect(hits()).toBe(RECORDS - POISON.length);
  correct("exact");
  await letters.replay({});
  await until(async () => (await count(letters, "exact")) === 0, "the letters to be gone");
  expect(hits()).toBe(RECORDS);
});

test("what cannot be replayed is said: summaries, sinks that are not there or suspended, what is under way", async () => {
  const { pump, letters, correct } = await scene({ a: { ...PICKY, config: { slowMs: 60 } }, b: PICKY });
  const [list] = pump.log.lists;
  await list!.addLetters("a", [{ chunk: "x", index: -1, reason: "9 records were dropped", raw: new Uint8Array() }]);
  await list!.addLetters("gone", [{ chunk: "x", index: 1, reason: "no", raw: Buffer.from("x") }]);
  await pump.supervisor.crew("b")!.suspendByHand();
  correct("a");
  const { records, skipped } = await letters.replay({});
  expect(records).toBe(POISON.length);
  expect(skipped.toSorted((x, y) => (x.reason < y.reason ? -1 : 1))).toEqual([
    { reason: "the pump has no sink gone", letters: 1 },
    { reason: "the sink b is suspended, resume it first", letters: POISON.length },
    { reason: "they tell of records that are gone, and are none themselves", letters: 1 },
  ]);
  expect(await letters.replay({ sink: "a" })).toMatchObject({ records: 0 });
  await until(async () => (await count(letters, "a")) === 1, "all but the summary to be delivered");
  expect(poisonOf(pump, "a")).toHaveLength(POISON.length);
});

test("a sink that breaks in a replay leaves the letters where they are", async () => {
  const { pump, letters, correct } = await scene({ a: PICKY });
  correct("a");
  writeFileSync(`${pump.file("a")}.broken`, "");
  await letters.replay({});
  await until(() => pump.sink("a").state === "suspended", "suspension");
  await until(() => pump.lines.some((line) => line.includes("the replay to sink a was given up")), "it to be said");
  expect(await count(letters, "a")).toBe(POISON.length);
  rmSync(`${pump.file("a")}.broken`);
  pump.supervisor.crew("a")!.resume();
  await until(() => pump.sink("a").state === "open", "it to open");
  await letters.replay({});
  await until(async () => (await count(letters, "a")) === 0, "the letters to be gone");
});

test("kill -9 in a replay over Redis: what was not acknowledged is still a dead letter, siblings see nothing", async () => {
  const redis = await useRedis();
  const folder = useFolder();
  const sinks = { slow: { ...PICKY, config: { slowMs: 50 } }, other: PICKY };
  const file = (name: string) => join(folder, `${name}.out`);
  for (const name of ["slow", "other"]) writeFileSync(`${file(name)}.strict`, "");
  const start = async () => {
    // Each has a configuration of its own, and so a folder: what the dead one left is in the way.
    rmSync(join(folder, "run"), { recursive: true, force: true });
    const pump = await useSluiceWith(redis, sinks, { folder });
    await pump.ready();
    return { pump, client: clientOf(pump) };
  };
  const poison = Array.from({ length: LETTERS }, (_, i) => 2 * i);
  const first = await start();
  await redis.client.rpush(LIST, ...numbered(RECORDS, { poison }).map((record) => Buffer.from(record)));
  await first.pump.drained(redis, ["slow", "other"], { lists: [LIST] });
  const { letters: listed } = await first.client.letters.list({ sink: "slow", limit: 1000 });
  expect(listed).toHaveLength(LETTERS);
  const otherBefore = readFileSync(file("other"), "utf8");
  for (const name of ["slow", "other"]) rmSync(`${file(name)}.strict`);

  expect(await first.client.letters.replay({ sink: "slow" })).toEqual({ records: LETTERS, skipped: [] });
  const left = async ({ client }: { client: ControlClient }) => (await client.letters.list({ sink: "slow" })).records;
  await until(async () => (await left(first)) < LETTERS - 10, "some to be delivered");
  await first.pump.kill();
  const poisoned = () =>
    readFileSync(file("slow"), "utf8")
      .split("\n")
      .flatMap((line) => (line.endsWith(" /poison") ? [line.slice(0, line.indexOf(" "))] : []));
  const delivered = poisoned().length;

  const second = await start();
  const still = await left(second);
  // Nothing is deleted before it was written.
  expect(still).toBeGreaterThanOrEqual(LETTERS - delivered);
  expect(still).toBeGreaterThan(0);
  expect((await second.client.letters.replay({ sink: "slow" })).records).toBe(still);
  await until(async () => (await left(second)) === 0, "the rest to be delivered");
  expect([...new Set(poisoned())].sort()).toEqual(listed.map(({ chunk, index }) => `${chunk}.${index}`).sort());
  expect(readFileSync(file("other"), "utf8")).toBe(otherBefore);
  expect((await second.client.letters.list({ sink: "other" })).records).toBe(LETTERS);
  await second.pump.terminate();
});

function clientOf({ folder }: SluiceProcess): ControlClient {
  const run = join(folder, "run");
  const socket = join(run, readdirSync(run)[0]!, "control.sock");
  return controlClient({ socket, name: "test", version: "0.1.0" });
}

test("the sinks of SQL, which mark what is written and counted, take what is replayed", async () => {
  const redis = await useRedis();
  const file = join(useFolder(), "rows.db");
  const meta = { type: "sqlite", connection_string: file };
  const pump = await useSluice({
    redis,
    csv: {},
    pumps: {
      rows: { type: "sql", meta: { ...meta, effectively_once: true } },
      totals: { type: "sql_aggregate", meta },
    },
  });
  await pump.ready();
  const push = [1, 2, 3].map((n) => Buffer.from(encodeMsgpack(recordOf(n))));
  await redis.client.rpush(LIST, ...push);
  await pump.drained(redis, ["rows", "totals"], { lists: [LIST] });
  const ask = <T>(sql: string) => {
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      return db.prepare(sql).all() as T[];
    } finally {
      db.close();
    }
  };
  const hits = () =>
    ask<{ n: number }>("SELECT sum(counter_hits) AS n FROM tyk_aggregated WHERE dimension = 'apiid'")[0]!.n;
  const [marked] = ask<{ chunk: string; records: string }>("SELECT chunk, records FROM sluice_written");
  expect(hits()).toBe(3);

  // As if one record of that chunk, which is marked as a whole, had been refused.
  const log = openRedisLog({ ...redisLogConfig(redis), leaseMs: 30_000, chunkRecords: 100, chunkBytes: 1 << 20 });
  await log.open([]);
  onTestFinished(() => log.close());
  const list = log.lists.find(({ name }) => name === LIST)!;
  const raw = encodeMsgpack(recordOf(9));
  for (const sink of ["rows", "totals"])
    await list.addLetters(sink, [{ chunk: marked!.chunk, index: 1, reason: "no", raw }]);
  const { letters } = clientOf(pump);
  expect(await letters.replay({})).toEqual({ records: 2, skipped: [] });
  await until(async () => (await letters.list({})).records === 0, "the letters to be delivered");
  expect(ask("SELECT path FROM tyk_analytics ORDER BY path")).toEqual(
    [1, 2, 3, 9].map((n) => ({ path: `/items/${n}` })),
  );
  expect(hits()).toBe(4);
  expect((await pump.terminate()).code).toBe(0);
});

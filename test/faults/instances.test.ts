import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { arrivals, numbersIn, owners, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import { CHUNK, CSV_CREDIT, useFolder, useRedis, useSluice, useSluiceWith } from "../support/sluice.ts";

const COUNT = 5000;
/** Chunks that a writer may hold, and some more than those. */
const CREDIT = CSV_CREDIT;
const RECORDS = (CREDIT + 2) * CHUNK;

test("two instances with one sink, one killed with -9: the other takes its chunks over within its lease, nothing is lost, and no more came twice than were in hand", async () => {
  const redis = await useRedis();
  const [a, b] = [useFolder(), useFolder()];
  const killed = await useSluice({ redis, csv: { csv: a } });
  const other = await useSluice({ redis, csv: { csv: b } });
  await Promise.all([killed.ready(), other.ready()]);
  const pushing = push(redis.client, 0, COUNT);
  await until(async () => (await owners(redis.client, "csv")).size > 0, "chunks in hand");
  await killed.kill();
  await pushing;
  await other.drained(redis, ["csv"], { seconds: 10 });
  const found = arrivals(numbersIn(a, b), COUNT);
  expect(found).toMatchObject({ missing: [], foreign: [] });
  expect(found.duplicates).toBeLessThanOrEqual(CSV_CREDIT * CHUNK);
});

test("one of two instances stopped for longer than its lease, then continued: nothing is lost, duplicates are bounded, and it takes nothing back", async () => {
  const redis = await useRedis();
  const slow = (delay: number) => ({ slow: { type: "good", module: "good.ts", config: { delay } } }) as const;
  // So slow that the paused one still has most of its chunks when it stops, and the other when it goes on.
  const paused = await useSluiceWith(redis, slow(1000));
  await paused.ready();
  await push(redis.client, 0, RECORDS);
  const held = () => owners(redis.client, "slow");
  await until(async () => (await held()).size >= CREDIT - 2, "more in hand than one call takes");
  const [first] = (await held()).values();
  paused.signal("SIGSTOP");
  const other = await useSluiceWith(redis, slow(1000));
  await other.ready();
  await until(async () => [...(await held()).values()].filter((owner) => owner !== first).length >= 4, "a takeover");
  const taken = await held();
  paused.signal("SIGCONT");
  // Whatever the other took over stays with it until it is done.
  await until(
    async () => {
      for (const [entry, owner] of await held()) {
        if (taken.get(entry) && taken.get(entry) !== first) expect([entry, owner]).toEqual([entry, taken.get(entry)]);
      }
      return [...(await held()).keys()].every((entry) => !taken.has(entry));
    },
    () => `the taken chunks to be done\n${other.tail()}`,
  );
  await other.drained(redis, ["slow"]);
  expect(paused.output).toMatch(/taken over by another instance/);
  const noted = [paused, other].flatMap(({ folder }) => pathsIn(join(folder, "slow.out")));
  const found = arrivals(noted, RECORDS);
  expect(found).toMatchObject({ missing: [], foreign: [] });
  expect(found.duplicates).toBeLessThanOrEqual(CREDIT * CHUNK);
});

test("instances with different sinks on one Redis: each sink gets every record", async () => {
  const redis = await useRedis();
  const folders = { both: [useFolder(), useFolder()], a: [useFolder()], b: [useFolder()] } as const;
  const one = await useSluice({ redis, csv: { both: folders.both[0], a: folders.a[0] } });
  await one.ready();
  await push(redis.client, 0, COUNT / 2);
  const two = await useSluice({ redis, csv: { both: folders.both[1], b: folders.b[0] } });
  await two.ready();
  await push(redis.client, COUNT / 2, COUNT);
  await two.drained(redis, ["both", "a", "b"]);
  for (const name of ["both", "a"] as const) {
    const found = arrivals(numbersIn(...folders[name]), COUNT);
    expect([name, found]).toEqual([name, { missing: [], foreign: [], duplicates: 0 }]);
  }
  // The second instance's sink came when the first had delivered: it begins with what is still there.
  const late = arrivals(numbersIn(...folders.b), COUNT);
  expect(late).toMatchObject({ foreign: [], duplicates: 0 });
  expect(late.missing.filter((number) => number >= COUNT / 2)).toEqual([]);
});

test("a gatherer that counts, over two owners that are killed with -9 in turn: the totals are exact", async () => {
  const redis = await useRedis();
  const folder = useFolder();
  const sinks = { exact: { type: "exact", module: "exact.ts" } } as const;
  const instances = [await useSluiceWith(redis, sinks, { folder }), await useSluiceWith(redis, sinks, { folder })];
  for (let i = 0; i < 10; i++) {
    await push(redis.client, (i * COUNT) / 10, ((i + 1) * COUNT) / 10);
    await sleep(Math.random() * 200);
    if (i % 2 === 0) continue;
    const [killed] = instances.splice(0, 1);
    await killed!.kill();
    instances.push(await useSluiceWith(redis, sinks, { folder }));
  }
  await instances[1]!.drained(redis, ["exact"]);
  const db = new DatabaseSync(join(folder, "exact.out"));
  const rows = db.prepare("SELECT api, n FROM hits ORDER BY api").all();
  db.close();
  const each = (i: number) => Math.floor(COUNT / 7) + (i < COUNT % 7 ? 1 : 0);
  expect(rows).toEqual(Array.from({ length: 7 }, (_, i) => ({ api: `api${i}`, n: each(i) })));
});

/** The numbers of the records that a sink of test/sinks wrote down. */
function pathsIn(file: string): number[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => Number(/ \/items\/(\d+)$/.exec(line)?.[1]));
}

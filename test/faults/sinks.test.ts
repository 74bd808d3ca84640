import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { TestPump, type TestSink, until } from "../support/pump.ts";
import { numbered } from "../support/records.ts";

const GOOD: TestSink = { type: "good", module: "good.ts" };
let pump: TestPump;

afterEach(async () => {
  await pump.stop();
});

/** A sink that misbehaves, beside one that does not. */
async function start(type: string, records: Uint8Array[], sink: Partial<TestSink> = {}): Promise<void> {
  pump = new TestPump({ bad: { type, module: "misbehaving.ts", ...sink }, good: GOOD });
  await pump.start(records);
}

function paths(name: string): string[] {
  return pump.noted(name).map(({ path }) => path);
}

function expectWhole(name: string, count: number, except: readonly number[] = []): void {
  const seen = new Set(paths(name));
  const missing = Array.from({ length: count }, (_, i) => i).filter((i) => !except.includes(i) && !seen.has(`/${i}`));
  expect(`${missing.length} missing, first ${missing.slice(0, 5)}`).toBe("0 missing, first ");
}

const COUNT = 1000;

for (const type of ["throws", "refuses", "rejects-poison"]) {
  test(`${type}: the poison record becomes a dead letter, the rest arrives`, async () => {
    await start(type, numbered(COUNT, { poison: [0, 333, 999] }));
    await pump.delivered("bad", COUNT);
    await pump.delivered("good", COUNT);
    expectWhole("bad", COUNT, [0, 333, 999]);
    expect(paths("bad")).not.toContain("/poison");
    const letters = await pump.letters();
    expect(letters.map(({ sink }) => sink)).toEqual(["bad", "bad", "bad"]);
    expect(letters[0]!.reason).toMatch(/poison/);
    expect(Buffer.from(letters[0]!.raw)).toEqual(Buffer.from(numbered(1, { poison: [0] })[0]!));
    expectWhole("good", COUNT, [0, 333, 999]);
    expect(new Set(pump.noted("good").map(({ id }) => id)).size).toBe(COUNT);
  });
}

for (const type of ["gather-add-throws", "gather-flush-throws", "gather-flush-refuses"]) {
  test(`${type}: the poison record is found in a gather, the rest arrives once`, async () => {
    await start(type, numbered(300, { poison: [7, 150] }));
    await pump.delivered("bad", 300);
    expectWhole("bad", 300, [7, 150]);
    expect(pump.noted("bad")).toHaveLength(298);
    expect((await pump.letters()).map(({ sink, index }) => `${sink} ${index}`).sort()).toEqual(["bad 50", "bad 7"]);
  });
}

for (const isolation of ["worker", "process"] as const) {
  test(`gather-rejects in a ${isolation}: what it rejects is a dead letter before the gather is flushed, and one`, async () => {
    await start("gather-rejects", numbered(60, { poison: [7, 50] }), { plugin: { isolation } });
    await until(() => existsSync(`${pump.file("bad")}.flushing`), "its flush");
    const letters = async () => (await pump.letters()).map(({ index, reason }) => `${index} ${reason}`);
    expect(await letters()).toEqual(["7 poison", "50 poison"]);
    writeFileSync(`${pump.file("bad")}.open`, "");
    await pump.delivered("bad", 60);
    expectWhole("bad", 60, [7, 50]);
    expect(await letters()).toEqual(["7 poison", "50 poison"]);
    expect(pump.sink("bad").deadLettered).toBe(2);
  });
}

test("a poison record alone, refused by the sink's own word, becomes a dead letter", async () => {
  await start("refuses", numbered(1, { poison: [0] }));
  await pump.delivered("bad", 1);
  expect(await pump.letters()).toHaveLength(1);
});

test("crashes-on-poison: found though it takes the actor down with it", async () => {
  await start("crashes-on-poison", numbered(300, { poison: [150] }));
  await pump.delivered("bad", 300, 60);
  expectWhole("bad", 300, [150]);
  const letters = await pump.letters();
  expect(letters).toHaveLength(1);
  expect(letters[0]).toMatchObject({ sink: "bad", index: 50 });
  await pump.delivered("good", 300);
  expectWhole("good", 300, [150]);
});

test("refuses-all: the sink is suspended, nothing becomes a dead letter", async () => {
  await start("refuses-all", numbered(COUNT));
  await until(() => pump.sink("bad").state === "suspended", "suspension");
  expect(await pump.letters()).toEqual([]);
  await pump.delivered("good", COUNT);
  expect(pump.sink("bad")).toMatchObject({ delivered: 0, held: { chunks: 0 }, ready: false });
  expect(pump.sink("bad").reason).toMatch(/20 records in a row were refused/);
});

for (const type of ["fatal-write", "fatal-open"]) {
  test(`${type}: suspended with the reason, the backlog waits`, async () => {
    await start(type, numbered(COUNT));
    await until(() => pump.sink("bad").state === "suspended", "suspension");
    expect(pump.sink("bad").reason).toMatch(/no such index|wrong password/);
    await pump.delivered("good", COUNT);
    await pump.supervisor.measure();
    expect(pump.sink("bad").lag.records).toBe(COUNT);
  });
}

test("fatal-in-stop: a stop does not wait for what has failed for good", async () => {
  await start("fatal-in-stop", numbered(20));
  await until(() => existsSync(pump.file("bad")), "its first call");
  const began = performance.now();
  const { released } = await pump.supervisor.stop(5000);
  expect(performance.now() - began).toBeLessThan(3000);
  expect(released).toBe(20);
});

for (const type of ["fails-all", "never-opens", "hangs-open"]) {
  test(`${type}: the other sink does not notice`, async () => {
    await start(type, numbered(COUNT));
    await pump.delivered("good", COUNT);
    expectWhole("good", COUNT);
    expect(pump.sink("bad").delivered).toBe(0);
    expect(await pump.letters()).toEqual([]);
  });
}

for (const type of ["rejects-nothing", "fails-some", "floods-log", "half"]) {
  test(`${type}: everything arrives in the end`, async () => {
    await start(type, numbered(COUNT));
    await pump.delivered("bad", COUNT, 60);
    expectWhole("bad", COUNT);
    expect(await pump.letters()).toEqual([]);
    expect(pump.lines.filter((line) => /^level=error/.test(line))).toEqual([]);
  });
}

for (const type of ["exits-once", "rejects-aside"]) {
  test(`${type}: the actor is restarted and its records come again`, async () => {
    await start(type, numbered(COUNT));
    await pump.delivered("bad", COUNT);
    await pump.delivered("good", COUNT);
    expectWhole("bad", COUNT);
    expect(pump.sink("bad").restarts).toBe(1);
    expectWhole("good", COUNT);
  });
}

for (const type of ["loops-once", "hangs-once"]) {
  test(`${type}: ended after its deadline and the grace, then everything arrives`, async () => {
    await start(type, numbered(COUNT), { timeoutMs: 500 });
    await pump.delivered("good", COUNT, 3);
    await pump.delivered("bad", COUNT);
    expectWhole("bad", COUNT);
    expect(pump.sink("bad").restarts).toBe(1);
  });
}

test("heeds-signal: a call that stops at its deadline is tried again without a restart", async () => {
  await start("heeds-signal", numbered(COUNT), { timeoutMs: 300 });
  await pump.delivered("bad", COUNT);
  expectWhole("bad", COUNT);
  expect(pump.sink("bad")).toMatchObject({ restarts: 0 });
  expect(pump.sink("bad").retries).toBeGreaterThan(0);
});

for (const type of ["leaks-heap-once", "leaks-slowly-once", "leaks-buffers-once"]) {
  test(`${type}: the actor is ended before it takes the process with it`, async () => {
    await start(type, numbered(COUNT), { heapMb: 64 });
    await pump.delivered("bad", COUNT);
    expectWhole("bad", COUNT);
    expect(pump.sink("bad").restarts).toBe(1);
    expect(pump.lines.join("")).toMatch(/MB of \d+ MB allowed|ran out of heap/);
    await pump.delivered("good", COUNT);
  });
}

test("keeps-batch: a batch used after its call throws and names the mend", async () => {
  await start("keeps-batch", numbered(200));
  await until(() => pump.lines.some((line) => line.includes("keep values")), "the sentence");
});

test("a gatherer counts each record exactly once, whatever crashes", async () => {
  const { DatabaseSync } = await import("node:sqlite");
  pump = new TestPump({
    exact: { type: "exact", module: "exact.ts", config: { crash: 0.06 }, actors: 2 },
    good: GOOD,
  });
  await pump.start();
  for (let i = 0; i < 40; i++) {
    pump.push(numbered(250, { from: i * 250 }));
    await sleep(50);
  }
  await pump.delivered("good", 10_000);
  await until(
    async () => {
      if (pump.sink("exact").state === "suspended") pump.supervisor.probe("exact");
      return pump.sink("exact").delivered >= 10_000;
    },
    () => JSON.stringify(pump.sink("exact")),
    120,
  );
  const db = new DatabaseSync(pump.file("exact"));
  expect(db.prepare("SELECT sum(n) AS n FROM hits").get()).toEqual({ n: 10_000 });
  db.close();
  expect(pump.sink("exact").restarts).toBeGreaterThan(0);
  expect(await pump.letters()).toEqual([]);
}, 150_000);

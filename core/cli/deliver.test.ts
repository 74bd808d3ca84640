import { expect, test } from "vitest";
import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import type { Generator } from "../compute/pool.ts";
import type { BatchRequest } from "../demo/batch.ts";
import type { SinkStatus } from "../supervisor/status.ts";
import { createProgress, missing, slowest, untilDelivered } from "./deliver.ts";
import { demoRun, lastHour } from "./demo-source.ts";
import { feedBatches, feedSteadily } from "./feed.ts";
import type { EmbeddedLog } from "./parts.ts";
import type { Running } from "./run.ts";

const RUN = demoRun({ org: "o", seed: 1 });

function rig(sinks: (appended: number) => SinkStatus[]) {
  let appended = 0;
  const generator: Generator = {
    generate: async ({ count }) => Array.from({ length: count }, () => new Uint8Array(1)),
  };
  const log = {
    lists: [{ name: "l", wire: "msgpack" }],
    append: (_: string, records: Uint8Array[]) => {
      appended += records.length;
    },
  } as unknown as EmbeddedLog;
  const status = () => fakeStatus(sinks(appended));
  return { log, generator, status, appended: () => appended };
}

test("batches of the last hour: all records, evenly, none in the future", () => {
  const batches = [...lastHour(2500, RUN)];
  expect(batches.map(({ count }) => count)).toEqual([1000, 1000, 500]);
  const last = batches.at(-1)!;
  expect(last.start + last.count * last.spacing).toBeLessThanOrEqual(Date.now());
  expect(new Set(batches.map(({ seed }) => seed)).size).toBe(3);
});

test("all batches are appended", async () => {
  const { appended, ...feed } = rig((n) => [fakeSink("csv", { delivered: n })]);
  const total = await feedBatches({ ...feed, signal: new AbortController().signal }, lastHour(4321, RUN));
  expect([total, appended()]).toEqual([4321, 4321]);
});

test("no more than the backlog allows is made for the slowest sink that works; suspended ones do not count", async () => {
  const { appended, ...feed } = rig((n) => [
    fakeSink("fast", { delivered: n }),
    fakeSink("slow", { delivered: 0 }),
    fakeSink("dead", { delivered: 0, state: "suspended" }),
  ]);
  const stop = new AbortController();
  const feeding = feedBatches({ ...feed, signal: stop.signal }, lastHour(500_000, RUN));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(appended()).toBeGreaterThan(100_000);
  expect(appended()).toBeLessThan(103_000);
  stop.abort();
  await feeding;
});

test("a steady rate, from the first moment on", async () => {
  const { appended, ...feed } = rig((n) => [fakeSink("csv", { delivered: n })]);
  const stop = new AbortController();
  const batch = (count: number, start: number): BatchRequest => ({ ...RUN, count, start, spacing: 0 });
  const feeding = feedSteadily({ ...feed, signal: stop.signal }, 1000, batch);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(appended()).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  stop.abort();
  const total = await feeding;
  expect(total).toBe(appended());
  expect(total).toBeGreaterThan(700);
  expect(total).toBeLessThan(1400);
});

test("progress: a sink's rate counts up to the moment it had everything", async () => {
  const started = performance.now() - 1000;
  const progress = createProgress(started);
  const done = fakeSink("csv", { delivered: 100, deadLettered: 10 });
  progress.look(fakeStatus([done]), 100);
  const rate = progress.rate(done);
  expect(rate).toBeGreaterThan(90);
  expect(rate).toBeLessThanOrEqual(100);
  await new Promise((resolve) => setTimeout(resolve, 50));
  progress.look(fakeStatus([done]), 100);
  expect(progress.rate(done)).toBe(rate);
});

test("what is missing is told with its reason", () => {
  const status = fakeStatus([
    fakeSink("a", { delivered: 10, deadLettered: 1 }),
    fakeSink("b", { delivered: 4, state: "suspended", reason: "wrong password" }),
  ]);
  expect(slowest(status)).toBe(10);
  expect(missing(status, 10)).toEqual(["b: 6 records not delivered (wrong password)"]);
});

test("waiting ends when all is delivered, however long the log says it is idle", async () => {
  let delivered = 0;
  const running = { status: () => fakeStatus([fakeSink("a", { delivered: delivered++ })]), idle: () => true };
  await untilDelivered(running as unknown as Running, 10, new AbortController().signal);
  expect(delivered).toBeGreaterThanOrEqual(10);
});

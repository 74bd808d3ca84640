import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { latencyOf, Meter } from "./meter.ts";

function burn(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test("while it is off it measures nothing", async () => {
  const meter = new Meter();
  const began = meter.began();
  await sleep(5);
  meter.ended(began, false);
  const { ms, calls, records } = meter.measure(false);
  expect([calls, records, ...Object.values(ms)]).toEqual(new Array(12).fill(0));
});

test("time goes to what it was used for, and all of it goes somewhere", async () => {
  const meter = new Meter();
  meter.measure(true);
  const started = performance.now();
  const start = performance.now();
  burn(10);
  meter.arrived(start, start + 4, 7, 700);
  const began = meter.began();
  burn(30);
  await sleep(60);
  meter.ended(began, false);
  meter.retrying = true;
  await sleep(40);
  meter.retrying = false;
  await sleep(40);
  const passed = performance.now() - started;
  const measured = meter.measure(false);
  const { ms } = measured;
  expect(measured).toMatchObject({ records: 7, bytes: 700, calls: 1, failed: 0 });
  expect(ms.scan).toBeCloseTo(4, 5);
  expect(ms.filter).toBeGreaterThan(5);
  expect(ms.plugin).toBeGreaterThan(29);
  expect(ms.backEnd).toBeGreaterThan(40);
  expect(ms.retry).toBeGreaterThan(25);
  expect(ms.records).toBeGreaterThan(25);
  expect(ms.idle).toBeCloseTo(ms.backEnd + ms.retry + ms.records, 6);
  expect(Math.abs(ms.wall - passed)).toBeLessThan(20);
  expect(ms.cpu).toBeGreaterThan(10);
  const index = measured.latency.indexOf(1);
  expect(latencyOf(index)).toBeGreaterThan(89);
});

test("a call that was under way before counts as what is waited for, and has no length", async () => {
  const meter = new Meter();
  const began = meter.began();
  meter.measure(true);
  await sleep(50);
  meter.ended(began, true);
  const { ms, calls, failed, latency } = meter.measure(false);
  expect(ms.backEnd).toBeGreaterThan(35);
  expect({ calls, failed, counted: latency.reduce((sum, count) => sum + count) }).toEqual({
    calls: 1,
    failed: 1,
    counted: 0,
  });
});

test("two answers tell what lay between, also while somebody else measures on", async () => {
  const meter = new Meter();
  meter.measure(true);
  await sleep(30);
  const first = meter.measure(true);
  await sleep(50);
  const last = meter.measure(true);
  expect(last.ms.wall - first.ms.wall).toBeGreaterThan(45);
  meter.measure(false);
  await sleep(30);
  expect(meter.measure(false).ms.wall - last.ms.wall).toBeLessThan(20);
});

test("a loop that never turned was late all the time", () => {
  const meter = new Meter();
  meter.measure(true);
  burn(30);
  expect(meter.measure(false).loopDelayMs.max).toBeGreaterThan(15);
});

test("a duration is in the class whose bounds hold it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0.002, max: 1e6, noNaN: true }), async (ms) => {
      const meter = new Meter();
      meter.measure(true);
      meter.began();
      meter.ended(performance.now() - ms, false);
      const { latency } = meter.measure(false);
      const index = latency.indexOf(1);
      // The clock went on meanwhile.
      expect(latencyOf(index)).toBeGreaterThan(ms * 0.999);
      expect(latencyOf(index - 1)).toBeLessThan(ms + 50);
    }),
  );
});

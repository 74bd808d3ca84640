import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { Pace } from "./pace.ts";

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

/** How long one wait takes, ms. */
async function waited(pace: Pace): Promise<number> {
  const start = performance.now();
  let over = false;
  const wait = pace.wait().then(() => {
    over = true;
  });
  while (!over) await vi.advanceTimersByTimeAsync(1);
  await wait;
  return performance.now() - start;
}

test("waits for as long as is saved, then for a hundredth of the time that passes", async () => {
  const pace = new Pace();
  expect(await waited(pace)).toBeLessThanOrEqual(1);
  vi.advanceTimersByTime(4000);
  expect(await waited(pace)).toBeCloseTo(40, -1);
  expect(await waited(pace)).toBeLessThanOrEqual(1);
  vi.advanceTimersByTime(2000);
  expect(await waited(pace)).toBeCloseTo(20, -1);
  vi.advanceTimersByTime(3_600_000);
  expect(await waited(pace)).toBeCloseTo(50, -1);
});

test("goes on at once when the others have come, and what is left stays saved", async () => {
  const pace = new Pace();
  vi.advanceTimersByTime(5000);
  const waits = [pace.wait(), pace.wait()];
  vi.advanceTimersByTime(20);
  pace.resume();
  await Promise.all(waits);
  expect(await waited(pace)).toBeCloseTo(30, -1);
});

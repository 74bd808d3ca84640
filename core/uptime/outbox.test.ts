import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ReportLog } from "../log/log.ts";
import { createLogger } from "../logging/index.ts";
import { Outbox } from "./outbox.ts";

const lines: string[] = [];
const logger = createLogger({ level: "warn", format: "text", write: (line) => lines.push(line) });
const report = Uint8Array.of(1);

/** A list of this length; while it is away nothing can be added. */
class List implements ReportLog {
  length = 0;
  away = false;
  async push(reports: readonly Uint8Array[]): Promise<number> {
    if (this.away) throw new Error("away");
    this.length += reports.length;
    return this.length;
  }
  hold = async () => true;
  leave = async () => {};
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("while the log is away reports wait, up to a limit; the newest are dropped and counted", async () => {
  const list = new List();
  list.away = true;
  const outbox = new Outbox(list, logger);
  for (let i = 0; i < 10_100; i++) outbox.add(report);
  expect(outbox.dropped).toBe(100);
  await vi.advanceTimersByTimeAsync(5000);
  list.away = false;
  await vi.advanceTimersByTimeAsync(1000);
  expect([list.length, outbox.dropped]).toEqual([10_000, 100]);
});

test("what waits at the end is sent, or counted", async () => {
  const list = new List();
  const outbox = new Outbox(list, logger);
  for (let i = 0; i < 700; i++) outbox.add(report);
  await outbox.close();
  expect([list.length, outbox.dropped]).toEqual([700, 0]);
  list.away = true;
  const lost = new Outbox(list, logger);
  lost.add(report);
  await lost.close();
  expect([list.length, lost.dropped]).toEqual([700, 1]);
  expect(vi.getTimerCount()).toBe(0);
});

test("to a list that nobody reads nothing more is added, until somebody has read it", async () => {
  const list = new List();
  const outbox = new Outbox(list, logger);
  list.length = 100_000;
  for (let second = 0; second < 50; second++) {
    outbox.add(report);
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect([list.length, outbox.dropped]).toEqual([100_001, 49]);
  expect(lines.join("\n")).toMatch(/nobody reads the uptime reports: 100001 wait/);
  list.length = 0;
  for (let second = 0; second < 20; second++) {
    outbox.add(report);
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(list.length).toBeGreaterThanOrEqual(9);
});

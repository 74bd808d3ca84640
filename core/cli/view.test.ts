import { stripVTControlCharacters } from "node:util";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import { formatCount, formatDuration, plain } from "./format.ts";
import { createLive } from "./live.ts";
import { createRates } from "./rates.ts";
import { canDraw } from "./terminal.ts";
import { progressLine, statusLine, statusTable } from "./view.ts";

const sick = fakeSink("errors", {
  state: "suspended",
  ready: false,
  reason: "wrong\npassword\x1b[2J",
  retries: 1234,
  lag: { chunks: 2, records: 1500, oldestMs: 65_000 },
});

test("the table has a line a sink, and why one is not ready", () => {
  const rates = new Map([["csv", 499.6]]);
  expect(statusTable(fakeStatus([fakeSink("csv"), sick]), rates).map(stripVTControlCharacters)).toEqual([
    "sink    state      records/s  delivered    lag     behind  retries  dead letters",
    "csv     open             500         10      0          -        0             0",
    "errors  suspended          0         10  1,500  1 min 5 s    1,234             0",
    "errors: wrong password [2J",
  ]);
});

test("a single look knows no rates, and shows none", () => {
  expect(statusTable(fakeStatus([fakeSink("csv")])).map(stripVTControlCharacters)).toEqual([
    "sink  state  delivered  lag  behind  retries  dead letters",
    "csv   open          10    0       -        0             0",
  ]);
});

test("the line for logs and pipes has the same, in one line", () => {
  const line = statusLine(fakeStatus([fakeSink("csv"), sick], { logError: "refused" }), new Map([["csv", 500]]));
  expect(line).toBe(
    "log out of reach: refused; csv 500 records/s, lag 0, retries 0, open; errors 0 records/s, lag 1,500, retries 1,234, suspended: wrong password [2J",
  );
});

test("progress", () => {
  expect(progressLine(50_000, 100_000, 12_000)).toBe(
    "[############............]  50 %  50,000 of 100,000 records  12,000 records/s  4.2 s left",
  );
  expect(progressLine(0, 10, 0)).toContain("[........................]   0 %");
  expect(progressLine(10, 10, 5)).toContain("[########################] 100 %  10 of 10 records  5 records/s");
  expect(progressLine(0, 0, 0)).toContain("100 %");
});

test("numbers and durations", () => {
  expect([0, 999, 1000, 1234567.4].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([0, 850, 4200, 200_000, 7_500_000].map(formatDuration)).toEqual([
    "0 ms",
    "850 ms",
    "4.2 s",
    "3 min 20 s",
    "2 h 5 min",
  ]);
  expect(plain("a\n\tb\x1b[31m \u202e")).toBe("a b [31m");
});

test("rates are taken over the last seconds, and never negative", () => {
  const rates = createRates();
  const at = (delivered: number, now: number) =>
    rates.update(fakeStatus([fakeSink("csv", { delivered })]), now).get("csv");
  expect(at(0, 0)).toBe(0);
  expect(at(1000, 1000)).toBe(1000);
  expect(at(2000, 2000)).toBe(1000);
  expect(at(3000, 3000)).toBe(1000);
  expect(at(3000, 4000)).toBeCloseTo(666.7, 0);
  expect(at(3000, 5000)).toBeCloseTo(333.3, 0);
  expect(at(3000, 6000)).toBe(0);
  expect(at(5, 6500)).toBe(0);
});

test("a terminal that obeys nothing is not drawn on", () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  const { isTTY } = process.stdout;
  process.stdout.isTTY = true;
  onTestFinished(() => void (process.stdout.isTTY = isTTY));
  vi.stubEnv("TERM", "xterm");
  expect(canDraw()).toBe(true);
  vi.stubEnv("TERM", "dumb");
  expect(canDraw()).toBe(false);
});

describe("the live region", () => {
  const draw = (rows = 24) => {
    const written: string[] = [];
    const live = createLive({ write: (text) => written.push(text), columns: 80, rows });
    return { live, written };
  };

  test("a frame is one write that overwrites the last one and erases nothing first", () => {
    const { live, written } = draw();
    live.draw(["a", "b"]);
    live.draw(["c", "d"]);
    expect(written).toHaveLength(2);
    expect(written[0]).toContain("\x1b[?25l");
    expect(written[1]!.startsWith("\x1b[?2026h\x1b[2A\r")).toBe(true);
    expect(written[1]).toContain("c\x1b[K\nd\x1b[K\n");
    expect(written[1]!.endsWith("\x1b[J\x1b[?2026l")).toBe(true);
  });

  test("lines printed stay above", () => {
    const { live, written } = draw();
    live.draw(["a"]);
    live.print("note\nmore\n");
    expect(stripVTControlCharacters(written[1]!)).toBe("\rnote\nmore\na\n");
  });

  test("never taller than the terminal, and the cursor comes back", () => {
    const { live, written } = draw(3);
    live.draw(["1", "2", "3", "4"]);
    expect(written[0]).not.toContain("3");
    live.end();
    live.end();
    expect(written.slice(1)).toEqual(["\x1b[?25h"]);
  });
});

import { describe, expect, test } from "vitest";
import { fakeSink, fakeStatus } from "../../admin/fake-status.ts";
import { LATENCY_BOUNDS_MS } from "../../supervisor/status.ts";
import { History, quantile } from "./history.ts";
import { listsToShow } from "./lists.ts";

const START = 1_700_000_000_000;
const status = (delivered: number, more = {}) =>
  fakeStatus([fakeSink("csv", { delivered, deliveredBytes: delivered * 100, ...more })]);

/** Cumulative: `count` of them at or below the bound. */
const counts = (bound: number, count: number) =>
  [...LATENCY_BOUNDS_MS, Infinity].map((one) => (one >= bound ? count : 0));

describe("figures", () => {
  test("the first look knows no rates; the next ones do, over three seconds", () => {
    const history = new History();
    for (let i = 0; i <= 10; i++) history.add(START + i * 1000, status(i < 5 ? 0 : (i - 5) * 500));
    expect(history.figures.get("csv")).toMatchObject({ rate: 500, bytesRate: 50_000 });
    expect(history.series.times).toHaveLength(10);
    expect(history.series.rate.get("csv")?.slice(0, 6)).toEqual([0, 0, 0, 0, 0, expect.closeTo(500 / 3)]);
  });

  test("a process that was started anew begins anew, and so does one that was out of sight", () => {
    const history = new History();
    history.add(START, status(1000));
    history.add(START + 1000, status(2000));
    history.add(START + 2000, { ...status(5), startedAt: START + 1 });
    expect(history.figures.get("csv")?.rate).toBe(0);
    history.add(START + 3000, { ...status(10), startedAt: START + 1 });
    expect(history.figures.get("csv")?.rate).toBe(5);
    history.add(START + 60_000, { ...status(5000), startedAt: START + 1 });
    expect(history.figures.get("csv")?.rate).toBe(0);
    // The line is broken where nothing was seen.
    expect(history.series.rate.get("csv")).toEqual([1000, null, 5, null]);
  });

  test("what comes soon after another tells no rate", () => {
    const history = new History();
    history.add(START, status(0));
    history.add(START + 5, status(100));
    expect(history.series.times).toEqual([]);
    history.add(START + 1005, status(201));
    expect(history.series.rate.get("csv")).toEqual([200]);
  });

  test("a total that falls back gives no rate below zero", () => {
    const history = new History();
    history.add(START, status(1000));
    history.add(START + 1000, status(0));
    expect(history.figures.get("csv")?.rate).toBe(0);
  });
});

describe("series", () => {
  test("keep five minutes, in at most 300 points, all of one length", () => {
    const history = new History();
    for (let i = 0; i < 900; i++) history.add(START + i * 500, status(i));
    const { times, rate, lag } = history.series;
    expect(times.length).toBe(300);
    expect(rate.get("csv")).toHaveLength(300);
    expect(lag.get("csv")).toHaveLength(300);
    expect(times.at(-1)! - times[0]!).toBeLessThanOrEqual(300);
  });

  test("a sink that comes later has gaps before, one that goes has gaps behind and is forgotten at last", () => {
    const history = new History();
    history.add(START, status(0));
    history.add(START + 1000, status(1));
    for (let i = 2; i < 400; i++) {
      history.add(START + i * 1000, fakeStatus([fakeSink("new", { delivered: i })]));
      if (i === 3) expect(history.series.rate.get("csv")).toEqual([1, null, null]);
      expect(history.series.rate.get("new")).toHaveLength(history.series.times.length);
    }
    expect([...history.series.rate.keys()]).toEqual(["new"]);
  });
});

describe("latency", () => {
  test("quantiles are linear within a bucket", () => {
    expect(quantile(counts(10, 100), 0.5)).toBe(7.5);
    expect(quantile(counts(10, 100), 0.99)).toBeCloseTo(9.95);
    expect(quantile(counts(1, 10), 0.5)).toBe(0.75);
    expect(quantile(counts(Infinity, 10), 0.5)).toBe(60_000);
    expect(quantile(counts(10, 0), 0.5)).toBeNull();
  });

  test("is that of the last ten seconds alone", () => {
    const history = new History();
    const seen = (i: number) => ({ counts: counts(i < 20 ? 10 : 1000, i < 20 ? i : 20 + i), sumMs: 0, count: i });
    for (let i = 0; i <= 40; i++) history.add(START + i * 1000, status(i, { latency: seen(i) }));
    expect(history.figures.get("csv")?.p50).toBeGreaterThan(500);
  });
});

describe("lists", () => {
  const list = (name: string, claimed: number, live = 0) => ({ name, claimed, live });

  test("those without records are counted alone; where none has any, the first is shown", () => {
    const { shown, unused } = listsToShow([list("a", 0), list("b", 7), list("c", 0, 3)], new Map([["b", 2]]));
    expect(shown.map(({ name }) => name)).toEqual(["b", "c"]);
    expect(unused).toBe(1);
    expect(listsToShow([list("a", 0), list("b", 0)], new Map()).shown.map(({ name }) => name)).toEqual(["a"]);
  });

  test("where many are used, the busiest are shown and the others are one", () => {
    const lists = Array.from({ length: 12 }, (_, i) => list(`l${i}`, 10, 1));
    const { shown } = listsToShow(lists, new Map(lists.map(({ name }, i) => [name, i])));
    expect(shown.map(({ name }) => name)).toEqual(["l11", "l10", "l9", "l8", "8 other lists"]);
    expect(shown.at(-1)).toMatchObject({ rate: 28, live: 8 });
  });
});

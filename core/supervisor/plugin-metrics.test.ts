import type { Report } from "@sluice/sdk/runtime";
import { describe, expect, test } from "vitest";
import { isFromThread } from "../actor/body.ts";
import { PluginMetrics } from "./plugin-metrics.ts";

const counter = (name: string, value: number) => ({ name, help: "", kind: "counter" as const, value });

test("what is no metric is left out, and ends nobody", () => {
  const good = [counter("a", 1), { name: "b", help: "", kind: "histogram", value: [1, 2] }];
  const bad = [
    null,
    1,
    "metric",
    [],
    { name: 1, kind: "gauge", value: 1 },
    { kind: "gauge", value: 1 },
    ...[null, Number.NaN, Number.POSITIVE_INFINITY, "1", undefined, [], {}].flatMap((value) => [
      { name: "a", kind: "counter", value },
      { name: "c", kind: "gauge", value },
    ]),
    ...[null, 1, {}, [null, Number.NaN, Number.NEGATIVE_INFINITY, "1"]].map((value) => ({
      name: "b",
      kind: "histogram",
      value,
    })),
  ];
  const report = { t: "report", log: [], metrics: [...good, ...bad], dropped: 0 };
  expect(isFromThread(report)).toBe(true);
  const metrics = new PluginMetrics();
  metrics.report(0, report.metrics as Report["metrics"]);
  expect(metrics.status()).toEqual([
    { name: "a", help: "", kind: "counter", value: 1, count: 0 },
    { name: "b", help: "", kind: "histogram", value: 3, count: 2 },
  ]);
});

describe("a plugin that names its metrics anew in each life", () => {
  const life = (metrics: PluginMetrics, n: number, size = 400) =>
    metrics.report(
      0,
      [...Array(size).keys()].map((i) => counter(`${n}: ${i}`, 1)),
    );

  test("has as many as it may, those of the actors that run before those of others", () => {
    const metrics = new PluginMetrics();
    for (let n = 0; n < 50; n++) {
      metrics.report(1, [counter("of another actor", n)]);
      life(metrics, n);
      metrics.ended(0);
    }
    life(metrics, 50);
    const names = metrics.status().map(({ name }) => name);
    expect(names.length).toBeLessThanOrEqual(1000);
    expect(names).toContain("of another actor");
    expect(names.filter((name) => name.startsWith("50: "))).toHaveLength(400);
    life(metrics, 51, 2000);
    expect(metrics.status()).toHaveLength(1000);
  });

  test("a counter goes on over restarts, a histogram as well, while there is room", () => {
    const metrics = new PluginMetrics();
    const histogram = { name: "histogram", help: "", kind: "histogram" as const, value: [2, 3] };
    for (let n = 0; n < 3; n++) {
      metrics.report(0, [counter("counter", 1), histogram]);
      metrics.ended(0);
    }
    expect(metrics.status()).toMatchObject([{ value: 3 }, { value: 15, count: 6 }]);
  });

  test("a name has an end", () => {
    const metrics = new PluginMetrics();
    metrics.report(0, [counter("a".repeat(201), 1)]);
    expect(metrics.status()).toEqual([]);
  });
});

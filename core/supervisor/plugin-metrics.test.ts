import type { Report } from "@sluice/sdk/runtime";
import { expect, test } from "vitest";
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

import { expect, test } from "vitest";
import { TestClock } from "../testing/index.ts";
import type { Report } from "./protocol.ts";
import { Reporter } from "./reporter.ts";

function reporter() {
  const reports: Report[] = [];
  const it = new Reporter(new TestClock(), (report) => reports.push(report));
  const report = () => {
    it.flush();
    return reports.at(-1)!;
  };
  return { metrics: it.metrics, report };
}

const BAD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, undefined, null, "1", 1n, Symbol("1"), {}];

test("what is no finite number does not get into a metric, which is said once for each", () => {
  const { metrics, report } = reporter();
  const counter = metrics.counter("counter", "");
  const gauge = metrics.gauge("gauge", "");
  const histogram = metrics.histogram("histogram", "");
  for (const value of [1, ...BAD, 2] as number[]) {
    counter.add(value);
    gauge.set(value);
    histogram.observe(value);
  }
  const first = report();
  expect(first.metrics.map(({ value }) => value)).toEqual([3, 2, [1, 2]]);
  expect(first.log.map(({ level, message }) => `${level}: ${message}`)).toEqual(
    ["counter", "gauge", "histogram"].map(
      (name) => `warn: the metric ${name} was given NaN, which is left out: a metric takes finite numbers`,
    ),
  );
  gauge.set(Number.NaN);
  expect(report().log).toEqual([]);
});

test("a counter stays finite", () => {
  const { metrics, report } = reporter();
  const counter = metrics.counter("counter", "");
  for (let i = 0; i < 3; i++) counter.add(Number.MAX_VALUE);
  expect(report().metrics[0]!.value).toBe(Number.MAX_VALUE);
});

test("the largest report fits into a frame of a process's pipe", () => {
  const { metrics, report } = reporter();
  for (let i = 0; i < 1000; i++) {
    const histogram = metrics.histogram(`${i}${"\0".repeat(100_000)}`, "\0".repeat(100_000));
    for (let k = 0; k < 10_000; k++) histogram.observe(-Number.MIN_VALUE * 1.5 - Math.PI / 1e200);
  }
  const most = report();
  expect(most.metrics).toHaveLength(1000);
  expect(Buffer.byteLength(JSON.stringify(most))).toBeLessThan(10 * 2 ** 20);
});

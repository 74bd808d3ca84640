import { setTimeout as sleep } from "node:timers/promises";
import { type Backlog, LIST } from "../backlog.ts";
import { runPump } from "../pump.ts";
import { recordMaker } from "../records.ts";
import { quantile } from "../stats.ts";
import type { Figure } from "../table.ts";

const SECONDS = 10;
const RATE = 5000;
const PUSHES = 100;
/** Half of the greatest rate: of a backlog of so many... */
const RECORDS = 1_000_000;
/** ...and pushed so many at a time, each push with one record that is made as it goes. */
const TOGETHER = 500;
const DISTINCT = 100_000;
/** Older ones were made beforehand. */
const FRESH_MS = 3_600_000;

/** From a record's push to its arrival in a sink, at a steady rate and with default settings. */
export async function latency(backlog: Backlog): Promise<Figure[]> {
  const make = recordMaker(2);
  const fresh = () => Array.from({ length: RATE / PUSHES }, () => make(now()));
  const run = await runPump(backlog, { age: { type: "age" } }, RATE * SECONDS, () =>
    pushSteadily(backlog, PUSHES, PUSHES * SECONDS, fresh),
  );
  const ages = run.ages.get("age")!;
  return [
    { name: "push to sink, median", values: [quantile(ages, 0.5)], unit: "ms" },
    { name: "push to sink, 99 of 100", values: [quantile(ages, 0.99)], unit: "ms", atMost: 500 },
    { name: "push to sink, slowest", values: [quantile(ages, 1)], unit: "ms" },
    ...(await atHalf(backlog)),
  ];
}

/** Beside a CSV sink, at half of the rate at which the two drain a backlog. */
async function atHalf(backlog: Backlog): Promise<Figure[]> {
  const sinks = { csv: { type: "csv" }, age: { type: "age" } } as const;
  const drained = await runPump(backlog, sinks, RECORDS);
  const most = RECORDS / Math.max(...[...drained.sinks.values()].map(({ seconds }) => seconds));
  const pushes = Math.floor(((most / 2) * SECONDS) / TOGETHER);
  const make = recordMaker(3);
  const made = Array.from({ length: DISTINCT / TOGETHER }, () => Array.from({ length: TOGETHER - 1 }, () => make()));
  const next = (i: number) => [...made[i % made.length]!, make(now())];
  const run = await runPump(backlog, sinks, pushes * TOGETHER, () =>
    pushSteadily(backlog, pushes / SECONDS, pushes, next),
  );
  const ages = run.ages.get("age")!.filter((ms) => ms < FRESH_MS);
  if (ages.length !== pushes) throw new Error(`${ages.length} of ${pushes} records that were made as they were pushed`);
  return [
    { name: "greatest rate, CSV and one that looks", values: [most], unit: "records/s" },
    { name: "at half of it: push to sink, median", values: [quantile(ages, 0.5)], unit: "ms" },
    { name: "at half of it: push to sink, 99 of 100", values: [quantile(ages, 0.99)], unit: "ms", atMost: 250 },
    { name: "at half of it: push to sink, slowest", values: [quantile(ages, 1)], unit: "ms" },
  ];
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** So many pushes, `rate` a second; what is late is made up for. */
async function pushSteadily(
  { redis }: Backlog,
  rate: number,
  pushes: number,
  records: (push: number) => Buffer[],
): Promise<void> {
  const began = performance.now();
  for (let push = 0; push < pushes; push++) {
    const early = began + (push * 1000) / rate - performance.now();
    if (early > 0) await sleep(early);
    await redis.client.rpush(LIST, ...records(push));
  }
}

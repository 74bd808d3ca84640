import { setTimeout as sleep } from "node:timers/promises";
import { type Backlog, LIST } from "../backlog.ts";
import { runPump } from "../pump.ts";
import { recordMaker } from "../records.ts";
import { quantile } from "../stats.ts";
import type { Figure } from "../table.ts";

const RATE = 5000;
const SECONDS = 10;
const PUSHES = 100;
const RECORDS = RATE * SECONDS;

/** From a record's push to its arrival in a sink, at a steady rate and with default settings. */
export async function latency(backlog: Backlog): Promise<Figure[]> {
  const run = await runPump(backlog, { age: { type: "age" } }, RECORDS, () => pushSteadily(backlog));
  const ages = run.ages.get("age")!;
  return [
    { name: "push to sink, median", values: [quantile(ages, 0.5)], unit: "ms" },
    { name: "push to sink, 99 of 100", values: [quantile(ages, 0.99)], unit: "ms", atMost: 500 },
    { name: "push to sink, slowest", values: [quantile(ages, 1)], unit: "ms" },
  ];
}

async function pushSteadily({ redis }: Backlog): Promise<void> {
  const make = recordMaker(2);
  const each = RATE / PUSHES;
  const began = performance.now();
  for (let push = 0; push < PUSHES * SECONDS; push++) {
    await sleep(Math.max(0, began + (push * 1000) / PUSHES - performance.now()));
    const now = performance.timeOrigin + performance.now();
    await redis.client.rpush(LIST, ...Array.from({ length: each }, () => make(now)));
  }
}

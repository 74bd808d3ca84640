import { type Backlog, LIST } from "../backlog.ts";
import { runPump } from "../pump.ts";
import { rawLrange } from "../raw-lrange.ts";
import type { Figure } from "../table.ts";

const RECORDS = 3_000_000;
/** Enough for the baseline, which has nothing to warm up. */
const READ = 1_000_000;
const ROUNDS = 5;

/** Claim, read and hand-over to three sinks that only count, against a bare LRANGE of the same list. */
export async function drain(backlog: Backlog): Promise<Figure[]> {
  const ratios: number[] = [];
  const rates: number[] = [];
  const raw: number[] = [];
  const supervisor: number[] = [];
  const whole: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await backlog.stage(RECORDS);
    await backlog.push();
    const began = performance.now();
    await rawLrange(backlog.redis, LIST, READ);
    const rawRate = (READ / (performance.now() - began)) * 1000;
    const run = await runPump(backlog, { a: { type: "count" }, b: { type: "count" }, c: { type: "count" } }, RECORDS);
    const rate = RECORDS / Math.max(...[...run.sinks.values()].map(({ seconds }) => seconds));
    raw.push(rawRate);
    rates.push(rate);
    ratios.push(rate / rawRate);
    supervisor.push((run.mainSeconds / RECORDS) * 1e9);
    whole.push((run.cpuSeconds / RECORDS) * 1e9);
  }
  return [
    { name: "LRANGE alone", values: raw, unit: "records/s" },
    { name: "claimed, read, counted by 3 sinks", values: rates, unit: "records/s" },
    { name: "share of LRANGE alone", values: ratios, atLeast: 0.45 },
    { name: "CPU of the supervisor, a record", values: supervisor, unit: "ns" },
    { name: "CPU of the process, a record", values: whole, unit: "ns" },
  ];
}

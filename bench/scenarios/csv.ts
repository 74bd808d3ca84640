import type { Backlog } from "../backlog.ts";
import { around, decoder } from "../decoder.ts";
import { runPump } from "../pump.ts";
import type { Figure } from "../table.ts";

const RECORDS = 1_000_000;
const ROUNDS = 5;

/** One CSV sink, all columns, real files, against what msgpackr needs merely to decode such records. */
export async function csv(backlog: Backlog): Promise<Figure[]> {
  const decode = decoder();
  const base: number[] = [];
  const cost: number[] = [];
  const costRatio: number[] = [];
  const rate: number[] = [];
  const rateRatio: number[] = [];
  decode();
  for (let round = 0; round < ROUNDS; round++) {
    const [run, one] = await around(decode, () => runPump(backlog, { csv: { type: "csv" } }, RECORDS));
    const cpu = (run.cpuSeconds / RECORDS) * 1e9;
    const records = RECORDS / run.sinks.get("csv")!.seconds;
    base.push(one.cpu);
    cost.push(cpu);
    costRatio.push(cpu / one.cpu);
    rate.push(records);
    rateRatio.push(records / one.rate);
  }
  return [
    { name: "msgpackr, CPU a record", values: base, unit: "ns" },
    { name: "CSV, CPU of the process a record", values: cost, unit: "ns" },
    { name: "share of msgpackr's", values: costRatio, atMost: 0.55 },
    { name: "CSV", values: rate, unit: "records/s" },
    { name: "times msgpackr on one core", values: rateRatio, atLeast: 1.33 },
  ];
}

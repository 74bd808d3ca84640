import { isNativeAccelerationEnabled, Unpackr } from "msgpackr";
import type { Backlog } from "../backlog.ts";
import { runPump } from "../pump.ts";
import { recordMaker } from "../records.ts";
import type { Figure } from "../table.ts";

const RECORDS = 1_000_000;
const DECODED = 100_000;
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
    const one = decode();
    const run = await runPump(backlog, { csv: { type: "csv" } }, RECORDS);
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

/** Decodes records of the same kind with msgpackr: CPU ns a record, records a second. */
function decoder(): () => { cpu: number; rate: number } {
  if (!isNativeAccelerationEnabled) throw new Error("msgpackr runs without its native part: install msgpackr-extract");
  const make = recordMaker(1);
  const records = Array.from({ length: DECODED }, () => make());
  const unpackr = new Unpackr({ useRecords: false });
  return () => {
    const began = performance.now();
    const before = process.cpuUsage();
    let fields = 0;
    for (const record of records) fields += Number(unpackr.unpack(record).Method !== undefined);
    const { user, system } = process.cpuUsage(before);
    if (fields !== DECODED) throw new Error(`msgpackr decoded ${fields} of ${DECODED} records`);
    return { cpu: ((user + system) * 1000) / DECODED, rate: (DECODED / (performance.now() - began)) * 1000 };
  };
}

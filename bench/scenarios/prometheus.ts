import type { Backlog } from "../backlog.ts";
import { around, decoder } from "../decoder.ts";
import { runPump } from "../pump.ts";
import type { Figure } from "../table.ts";

const RECORDS = 1_000_000;
const ROUNDS = 5;

/** One prometheus sink with Tyk Pump's own metrics, against what msgpackr needs merely to decode such records. */
export async function prometheus(backlog: Backlog): Promise<Figure[]> {
  const decode = decoder();
  const cost: number[] = [];
  const ratio: number[] = [];
  const rate: number[] = [];
  decode();
  for (let round = 0; round < ROUNDS; round++) {
    const work = () => runPump(backlog, { prometheus: { type: "prometheus" } }, RECORDS);
    const [run, { cpu: base }] = await around(decode, work);
    const cpu = (run.cpuSeconds / RECORDS) * 1e9;
    cost.push(cpu);
    ratio.push(cpu / base);
    rate.push(RECORDS / run.sinks.get("prometheus")!.seconds);
  }
  return [
    { name: "CPU of the process a record", values: cost, unit: "ns" },
    { name: "share of msgpackr's decoding", values: ratio, atMost: 1 },
    { name: "counted", values: rate, unit: "records/s" },
  ];
}

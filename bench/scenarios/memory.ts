import type { Backlog } from "../backlog.ts";
import { runPump } from "../pump.ts";
import type { Figure } from "../table.ts";

const BACKLOGS = [100_000, 1_000_000];
const ROUNDS = 3;
const MOST_MB = 250;

/** Resident memory of the process with a CSV sink and two that count: the same whatever waits in Redis. */
export async function memory(backlog: Backlog): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const records of BACKLOGS) {
    const peak: number[] = [];
    const steady: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const sinks = { csv: { type: "csv" }, a: { type: "count" }, b: { type: "count" } } as const;
      const { rss } = await runPump(backlog, sinks, records);
      peak.push(rss.peak);
      steady.push(rss.steady);
    }
    const name = `backlog of ${records.toLocaleString("en")}`;
    figures.push(
      { name: `${name}, peak`, values: peak, unit: "MB", atMost: MOST_MB },
      { name: `${name}, steady`, values: steady, unit: "MB", atMost: MOST_MB },
    );
  }
  return figures;
}

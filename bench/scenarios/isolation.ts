import type { Backlog } from "../backlog.ts";
import { runPump, type Sinks } from "../pump.ts";
import { median } from "../stats.ts";
import type { Figure } from "../table.ts";

const RECORDS = 500_000;
const ROUNDS = 5;
const GOOD: Sinks = { a: { type: "count" }, b: { type: "count" } };
const BESIDE: { [name: string]: Sinks } = {
  nothing: {},
  "a sink that hangs": { bad: { type: "hangs", bad: true } },
  "a sink that fails": { bad: { type: "fails", bad: true } },
  "a third good sink": { c: { type: "count" } },
};

/** Two good sinks, and what a third one does to them; the variants take turns. */
export async function isolation(backlog: Backlog): Promise<Figure[]> {
  const rates = new Map(Object.keys(BESIDE).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, third] of Object.entries(BESIDE)) {
      const { sinks } = await runPump(backlog, { ...GOOD, ...third }, RECORDS);
      const seconds = Object.keys(GOOD).map((good) => sinks.get(good)!.seconds);
      rates.get(name)!.push(RECORDS / Math.max(...seconds));
    }
  }
  const alone = median(rates.get("nothing")!);
  return [...rates].flatMap(([name, values]): Figure[] => {
    const figure: Figure = { name: `2 sinks beside ${name}`, values, unit: "records/s" };
    if (name === "nothing") return [figure];
    const share = { name: "  share of what they do alone", values: values.map((value) => value / alone) };
    return [figure, "c" in BESIDE[name]! ? share : { ...share, atLeast: 0.98 }];
  });
}

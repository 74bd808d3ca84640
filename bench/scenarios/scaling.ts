import { Backlog, LIST, type Source, STAGED } from "../backlog.ts";
import { type Run, runPump, type Sinks } from "../pump.ts";
import { smallRecordMaker } from "../records.ts";
import type { Figure } from "../table.ts";

const SINKS = [1, 2, 4, 8, 16];
const RECORDS = 200_000;
const SIZES = [300, 1000, 10_000, 100_000];
/** Of all records of one size together. */
const MOST_BYTES = 400e6;
const MOST_RECORDS = 300_000;
const ROUNDS = 3;
const SEED = 22;

/** What a record costs by the number of sinks, and by its size. */
export async function scaling(backlog: Backlog): Promise<Figure[]> {
  return [...(await bySinks(backlog)), ...(await bySize())];
}

async function bySinks(backlog: Backlog): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const n of SINKS) {
    const sinks: Sinks = Object.fromEntries(Array.from({ length: n }, (_, i) => [`s${i}`, { type: "count" }]));
    const runs = await rounds(() => runPump(backlog, sinks, RECORDS));
    const each = runs.map(({ cpuSeconds, mainSeconds }) => ((cpuSeconds - mainSeconds) / RECORDS / n) * 1e9);
    figures.push(
      { name: `${n} sinks: CPU of a sink, a record`, values: each, unit: "ns" },
      {
        name: `${n} sinks: CPU of the supervisor, a record`,
        values: runs.map(({ mainSeconds }) => (mainSeconds / RECORDS) * 1e9),
        unit: "ns",
      },
      { name: `${n} sinks: resident memory, peak`, values: runs.map(({ rss }) => rss.peak), unit: "MB" },
    );
  }
  return figures;
}

async function bySize(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const bytes of SIZES) {
    const backlog = await Backlog.start({}, smallRecordMaker(SEED, bytes));
    try {
      const records = 1000 * Math.round(Math.min(MOST_RECORDS, MOST_BYTES / bytes) / 1000);
      const source: Source = {
        storage: backlog.storage,
        stage: (n) => backlog.stage(n),
        push: async () => void (await backlog.redis.client.rename(STAGED, `${LIST}_protobuf`)),
      };
      const push = () => source.push();
      const runs = await rounds(() => runPump(source, { a: { type: "count" }, b: { type: "count" } }, records, push));
      const name = `records of ${bytes.toLocaleString("en")} B`;
      figures.push(
        {
          name: `${name}: CPU a record`,
          values: runs.map(({ cpuSeconds }) => (cpuSeconds / records) * 1e9),
          unit: "ns",
        },
        { name: `${name}: resident memory, peak`, values: runs.map(({ rss }) => rss.peak), unit: "MB" },
      );
    } finally {
      await backlog.redis.stop();
    }
  }
  return figures;
}

async function rounds(run: () => Promise<Run>): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 0; round < ROUNDS; round++) runs.push(await run());
  return runs;
}

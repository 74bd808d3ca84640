import { Backlog, LIST, type Source, STAGED } from "../backlog.ts";
import { type Run, runPump, type Sinks } from "../pump.ts";
import { smallRecordMaker } from "../records.ts";
import type { Figure } from "../table.ts";

const BACKLOGS = [10_000, 100_000, 1_000_000, 3_000_000];
const SINKS = [1, 2, 4, 8, 16];
const RECORDS = 200_000;
const SIZES = [300, 1000, 10_000, 100_000];
/** Of all records of one size together. */
const MOST_BYTES = 400e6;
const MOST_RECORDS = 300_000;
const ROUNDS = 3;
const SEED = 22;

/** What a record costs by the length of the backlog, the number of sinks, and its size. */
export async function scaling(backlog: Backlog): Promise<Figure[]> {
  return [...(await byBacklog(backlog)), ...(await bySinks(backlog)), ...(await bySize())];
}

async function byBacklog(backlog: Backlog): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const records of BACKLOGS) {
    const runs = await rounds(() => runPump(backlog, counting(3), records));
    figures.push(...costs(`backlog of ${records.toLocaleString("en")}, 3 sinks`, runs, records));
  }
  return figures;
}

function counting(sinks: number): Sinks {
  return Object.fromEntries(Array.from({ length: sinks }, (_, i) => [`s${i}`, { type: "count" }]));
}

function costs(name: string, runs: readonly Run[], records: number): Figure[] {
  return [
    { name: `${name}: CPU a record`, values: runs.map(({ cpuSeconds }) => (cpuSeconds / records) * 1e9), unit: "ns" },
    { name: `${name}: resident memory, peak`, values: runs.map(({ rss }) => rss.peak), unit: "MB" },
  ];
}

async function bySinks(backlog: Backlog): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const n of SINKS) {
    const runs = await rounds(() => runPump(backlog, counting(n), RECORDS));
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
      const runs = await rounds(() => runPump(source, counting(2), records, push));
      const name = `records of ${bytes.toLocaleString("en")} B`;
      figures.push(...costs(name, runs, records));
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

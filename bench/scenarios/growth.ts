import { isDrained } from "../../test/support/gateway.ts";
import { until } from "../../test/support/pump.ts";
import { Backlog, LIST, type Source, STAGED } from "../backlog.ts";
import { cpuOf } from "../cpu.ts";
import { runPump, type Sinks } from "../pump.ts";
import { smallRecordMaker } from "../records.ts";
import { median } from "../stats.ts";
import type { Figure } from "../table.ts";

/** 1: as many records as the bars are for; 0.02: a fiftieth. */
const SCALE = Number(process.env.SLUICE_BENCH_SCALE ?? 1);
const PIECES = 100;
const SHORT = Math.round(30_000 * SCALE);
const LONG = SHORT * PIECES;
const KEPT = Math.round(100_000 * SCALE) * PIECES;
const ROUNDS = 3;
const SEED = 20;
const PATIENCE_S = 600;
const GOOD: Sinks = { a: { type: "count" }, b: { type: "count" }, c: { type: "count" } };

/** Whether CPU a record depends on how long the backlog is, or on what is kept for a sink that takes nothing. */
export async function growth(backlog: Backlog): Promise<Figure[]> {
  return [...(await byLength(backlog)), ...(await besideSuspended())];
}

/** The same records as a hundred short backlogs, one behind the other, and as one that is a hundred times as long. */
async function byLength(backlog: Backlog): Promise<Figure[]> {
  const short = new Costs();
  const long = new Costs();
  for (let round = 0; round < ROUNDS; round++) {
    await short.add(backlog, GOOD, LONG, PIECES);
    await long.add(backlog, GOOD, LONG, 1);
  }
  return compared(
    { name: `backlogs of ${SHORT.toLocaleString("en")}`, costs: short },
    { name: `a backlog of ${LONG.toLocaleString("en")}`, costs: long },
    1.1,
  );
}

/** Records that come in pieces and are all kept for one sink, while the others take them. */
async function besideSuspended(): Promise<Figure[]> {
  const backlog = await Backlog.start({}, smallRecordMaker(SEED));
  try {
    const alone = new Costs();
    const beside = new Costs();
    for (let round = 0; round < ROUNDS; round++) {
      await alone.add(backlog, GOOD, KEPT, PIECES, `${LIST}_protobuf`);
      const sinks: Sinks = { ...GOOD, down: { type: "suspended", bad: true } };
      await beside.add(backlog, sinks, KEPT, PIECES, `${LIST}_protobuf`);
    }
    return compared(
      { name: `${KEPT.toLocaleString("en")} small records, no sink suspended`, costs: alone },
      { name: "  one suspended beside them", costs: beside },
      1.03,
    );
  } finally {
    await backlog.redis.stop();
  }
}

/** Nanoseconds of CPU a record, of several runs. */
class Costs {
  readonly sluice: number[] = [];
  readonly redis: number[] = [];

  async add(backlog: Backlog, sinks: Sinks, records: number, pieces: number, list = LIST): Promise<void> {
    const taking = Object.keys(sinks).filter((name) => !sinks[name]!.bad);
    const source = new Pieces(backlog, list, pieces, taking);
    let before = 0;
    const { cpuSeconds } = await runPump(source, sinks, records, async () => {
      before = cpuOf([backlog.redis]);
      await source.push();
    });
    this.redis.push(((cpuOf([backlog.redis]) - before) / records) * 1e9);
    this.sluice.push((cpuSeconds / records) * 1e9);
  }
}

/** A backlog that appears in equal pieces, each when the sinks have the one before. */
class Pieces implements Source {
  /** Idle time between two pieces would count for those that are short. */
  readonly settings = { delivery: { poll: 10 } };
  readonly #backlog: Backlog;
  readonly #list: string;
  readonly #pieces: number;
  readonly #sinks: readonly string[];

  constructor(backlog: Backlog, list: string, pieces: number, sinks: readonly string[]) {
    this.#backlog = backlog;
    this.#list = list;
    this.#pieces = pieces;
    this.#sinks = sinks;
  }

  get storage(): object {
    return this.#backlog.storage;
  }

  async stage(records: number): Promise<void> {
    await this.#backlog.stage(records);
    const size = records / this.#pieces;
    for (let i = 0; i < this.#pieces - 1; i++) {
      await this.#client.sort(STAGED, "BY", "nosort", "LIMIT", 0, size, "STORE", `${STAGED}:${i}`);
      await this.#client.ltrim(STAGED, size, -1);
    }
    await this.#client.rename(STAGED, `${STAGED}:${this.#pieces - 1}`);
  }

  async push(): Promise<void> {
    for (let i = 0; i < this.#pieces; i++) {
      await this.#client.rename(`${STAGED}:${i}`, this.#list);
      if (i === this.#pieces - 1) break;
      const drained = () => isDrained(this.#client, this.#sinks, this.#list);
      await until(drained, "the sinks to have a piece of the backlog", PATIENCE_S);
    }
  }

  get #client() {
    return this.#backlog.redis.client;
  }
}

interface Side {
  name: string;
  costs: Costs;
}

/** Each side, and how many times the first the second costs. */
function compared(first: Side, second: Side, atMost: number): Figure[] {
  const sides = [first, second].flatMap(({ name, costs }): Figure[] => [
    { name: `${name}: CPU a record, Sluice`, values: costs.sluice, unit: "ns" },
    { name: `${name}: CPU a record, Redis`, values: costs.redis, unit: "ns" },
  ]);
  const times = (["sluice", "redis"] as const).map((who): Figure => {
    const values = second.costs[who].map((cost) => cost / median(first.costs[who]));
    return { name: `  times that, ${who === "sluice" ? "Sluice" : "Redis"}`, values, atMost };
  });
  return [...sides, ...times];
}

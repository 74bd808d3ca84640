import { startPostgres, type TestPostgres } from "../../test/support/postgres.ts";
import { Backlog } from "../backlog.ts";
import { crowding } from "../crowding.ts";
import { around, decoder } from "../decoder.ts";
import { type ForeignSink, runPump } from "../pump.ts";
import type { Traffic } from "../records.ts";
import type { Figure } from "../table.ts";

const RECORDS = 600_000;
/** Each has a path of its own or nearly so: more rows than records. */
const MANY_PATHS = 100_000;
const ROUNDS = 3;
const PARALLEL_ROUNDS = 3;
const ROUTES = 10;
/** Rows that are few, and counters that each record adds to many: the actor is what all else waits for. */
const FEW_KEYS = 100;
const MANY_TAGS = 200;
/** So many that neither compiling in a second thread nor the last gather, which waits for a second, is much of it. */
const MANY_RECORDS = 1_200_000;
const DISTINCT = 100_000;

/**
 * `sql_aggregate` on PostgreSQL, all dimensions, upserts included, against what msgpackr needs merely to decode such records: with ten paths an
 * API; with paths that nearly all differ; and with one actor and two where counting is nearly all that there is to do.
 */
export async function aggregate(other: Backlog): Promise<Figure[]> {
  const postgres = await startPostgres({ flags: { max_wal_size: "4GB", shared_buffers: "256MB" } });
  try {
    const figures = await withBacklog({ routes: ROUTES }, (backlog) => measure(backlog, other, postgres));
    const parallel = await withBacklog(
      { routes: ROUTES, keys: FEW_KEYS, tags: MANY_TAGS, distinct: DISTINCT },
      (backlog) => inParallel(backlog, postgres),
    );
    return [...figures, ...parallel];
  } finally {
    await postgres.stop();
  }
}

async function withBacklog<T>(traffic: Traffic, use: (backlog: Backlog) => Promise<T>): Promise<T> {
  const backlog = await Backlog.start(traffic);
  try {
    return await use(backlog);
  } finally {
    await backlog.redis.stop();
  }
}

/**
 * Two actors and the supervisor, Redis and PostgreSQL share what cores there are, so what two busy ones cost each other is told, too. The
 * two runs of a round follow one another, the first one's place by turns: a machine's speed changes.
 */
async function inParallel(backlog: Backlog, postgres: TestPostgres): Promise<Figure[]> {
  const measured: { [actors: number]: Measured[] } = { 1: [], 2: [] };
  const crowded: number[] = [];
  for (let round = 0; round < PARALLEL_ROUNDS; round++) {
    crowded.push(await crowding());
    for (const actors of round % 2 === 0 ? [1, 2] : [2, 1]) {
      measured[actors]!.push(await run(backlog, postgres, MANY_RECORDS, { actors, trackAllPaths: true }));
    }
  }
  const [one, two] = [measured[1]!, measured[2]!];
  const times = (key: "cpu" | "rate") => two.map((run, i) => run[key] / one[i]![key]);
  return [
    { name: "few keys, many tags: one actor, CPU of the process a record", values: values(one, "cpu"), unit: "ns" },
    { name: "few keys, many tags: one actor", values: values(one, "rate"), unit: "records/s" },
    { name: "CPU of two busy processes, of one's", values: crowded },
    { name: "two actors, CPU of one's", values: times("cpu"), atMost: 1.1 },
    { name: "two actors, records/s of one's", values: times("rate"), atLeast: 1.3 },
  ];
}

function values(of: readonly Measured[], key: keyof Measured): number[] {
  return of.map((measured) => measured[key]);
}

async function measure(backlog: Backlog, other: Backlog, postgres: TestPostgres): Promise<Figure[]> {
  const decode = decoder();
  const base: number[] = [];
  const one: Measured[] = [];
  const share: number[] = [];
  const many: Measured[] = [];
  const manyShare: number[] = [];
  decode();
  for (let round = 0; round < ROUNDS; round++) {
    const [few, { cpu }] = await around(decode, () => run(backlog, postgres, RECORDS));
    base.push(cpu);
    one.push(few);
    share.push(few.cpu / cpu);
    const [differ, unit] = await around(decode, () => run(other, postgres, MANY_PATHS));
    many.push(differ);
    manyShare.push(differ.cpu / unit.cpu);
  }
  return [
    { name: "msgpackr, CPU a record", values: base, unit: "ns" },
    { name: "sql_aggregate, CPU of the process a record", values: values(one, "cpu"), unit: "ns" },
    { name: "share of msgpackr's", values: share, atMost: 1.4 },
    { name: "rows a record", values: values(one, "rows") },
    { name: "sql_aggregate", values: values(one, "rate"), unit: "records/s" },
    { name: "paths that differ, share of msgpackr's", values: manyShare },
    { name: "paths that differ, rows a record", values: values(many, "rows") },
  ];
}

interface Measured {
  /** Of the process, ns a record. */
  readonly cpu: number;
  /** Records a second. */
  readonly rate: number;
  /** In the table, a record. */
  readonly rows: number;
}

async function run(
  backlog: Backlog,
  postgres: TestPostgres,
  records: number,
  { actors = 1, trackAllPaths = false }: { actors?: number; trackAllPaths?: boolean } = {},
): Promise<Measured> {
  await postgres.query("DROP TABLE IF EXISTS tyk_aggregated, sluice_watermarks");
  const sink: ForeignSink = {
    type: "sql_aggregate",
    meta: { type: "postgres", connection_string: postgres.dsn, track_all_paths: trackAllPaths },
    actors,
    arrived: async () => {
      const total = "SELECT coalesce(sum(counter_hits), 0) AS n FROM tyk_aggregated WHERE dimension = ''";
      return Number((await postgres.query(total))[0]!.n);
    },
  };
  const { cpuSeconds, sinks } = await runPump(backlog, { aggregate: sink }, records);
  const cpu = (cpuSeconds / records) * 1e9;
  const rate = records / sinks.get("aggregate")!.seconds;
  const rows = Number((await postgres.query("SELECT count(*) AS n FROM tyk_aggregated"))[0]!.n) / records;
  return { cpu, rate, rows };
}

import { startPostgres, type TestPostgres } from "../../test/support/postgres.ts";
import { Backlog } from "../backlog.ts";
import { decoder } from "../decoder.ts";
import { type ForeignSink, runPump } from "../pump.ts";
import type { Figure } from "../table.ts";

const RECORDS = 600_000;
/** Each has a path of its own or nearly so: more rows than records. */
const MANY_PATHS = 100_000;
const ROUNDS = 3;
const ROUTES = 10;

/**
 * `sql_aggregate` on PostgreSQL, all dimensions, upserts included, against what msgpackr needs merely to decode such records: with ten paths an
 * API, with two actors, and with paths that nearly all differ.
 */
export async function aggregate(other: Backlog): Promise<Figure[]> {
  const postgres = await startPostgres({ flags: { max_wal_size: "4GB", shared_buffers: "256MB" } });
  const backlog = await Backlog.start({ routes: ROUTES });
  try {
    return await measure(backlog, other, postgres);
  } finally {
    await backlog.redis.stop();
    await postgres.stop();
  }
}

async function measure(backlog: Backlog, other: Backlog, postgres: TestPostgres): Promise<Figure[]> {
  const decode = decoder();
  const base: number[] = [];
  const one: Measured[] = [];
  const two: Measured[] = [];
  const many: Measured[] = [];
  decode();
  for (let round = 0; round < ROUNDS; round++) {
    const { cpu } = decode();
    base.push(cpu);
    one.push(await run(backlog, postgres, RECORDS, 1, cpu));
    two.push(await run(backlog, postgres, RECORDS, 2, cpu));
    many.push(await run(other, postgres, MANY_PATHS, 1, cpu));
  }
  const values = (of: readonly Measured[], key: keyof Measured) => of.map((measured) => measured[key]);
  const pairs = two.map((measured, i) => measured.cpu / one[i]!.cpu);
  return [
    { name: "msgpackr, CPU a record", values: base, unit: "ns" },
    { name: "sql_aggregate, CPU of the process a record", values: values(one, "cpu"), unit: "ns" },
    { name: "share of msgpackr's", values: values(one, "share"), atMost: 1.4 },
    { name: "rows a record", values: values(one, "rows") },
    { name: "sql_aggregate", values: values(one, "rate"), unit: "records/s" },
    { name: "two actors, CPU of one's", values: pairs },
    { name: "two actors", values: values(two, "rate"), unit: "records/s" },
    { name: "paths that differ, share of msgpackr's", values: values(many, "share") },
    { name: "paths that differ, rows a record", values: values(many, "rows") },
  ];
}

interface Measured {
  /** Of the process, ns a record. */
  readonly cpu: number;
  /** Of what msgpackr needs to decode it. */
  readonly share: number;
  /** Records a second. */
  readonly rate: number;
  /** In the table, a record. */
  readonly rows: number;
}

async function run(
  backlog: Backlog,
  postgres: TestPostgres,
  records: number,
  actors: number,
  base: number,
): Promise<Measured> {
  await postgres.query("DROP TABLE IF EXISTS tyk_aggregated, sluice_watermarks");
  const sink: ForeignSink = {
    type: "sql_aggregate",
    meta: { type: "postgres", connection_string: postgres.dsn },
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
  return { cpu, share: cpu / base, rate, rows };
}

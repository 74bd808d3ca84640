import { startPostgres, type TestPostgres } from "../../test/support/postgres.ts";
import { Backlog } from "../backlog.ts";
import { around, decoder } from "../decoder.ts";
import { type Run, runPump, type Sinks } from "../pump.ts";
import type { Figure } from "../table.ts";

const BACKLOGS = [300_000, 1_000_000];
const WARM_UP = 1000;
const ROUNDS = 3;
const ROUTES = 10;
const MOST_MB = 350;

/**
 * CSV, `sql` and `sql_aggregate` on PostgreSQL and Prometheus in one process, each of all records, against what msgpackr needs merely to
 * decode such records.
 */
export async function together(): Promise<Figure[]> {
  const postgres = await startPostgres({ flags: { max_wal_size: "4GB", shared_buffers: "256MB" } });
  const backlog = await Backlog.start({ routes: ROUTES });
  try {
    const figures: Figure[] = [];
    // A process that has to strip types takes time and memory.
    await run(backlog, postgres, WARM_UP);
    for (const records of BACKLOGS) figures.push(...(await measure(backlog, postgres, records)));
    return figures;
  } finally {
    await backlog.redis.stop();
    await postgres.stop();
  }
}

async function measure(backlog: Backlog, postgres: TestPostgres, records: number): Promise<Figure[]> {
  const decode = decoder();
  const base: number[] = [];
  const share: number[] = [];
  const rate: number[] = [];
  const peak: number[] = [];
  decode();
  for (let round = 0; round < ROUNDS; round++) {
    const [{ cpuSeconds, sinks, rss }, { cpu }] = await around(decode, () => run(backlog, postgres, records));
    base.push(cpu);
    share.push(((cpuSeconds / records) * 1e9) / cpu);
    rate.push(records / Math.max(...[...sinks.values()].map(({ seconds }) => seconds)));
    peak.push(rss.peak);
  }
  const name = `backlog of ${records.toLocaleString("en")}`;
  return [
    { name: `${name}: msgpackr, CPU a record`, values: base, unit: "ns" },
    { name: `${name}: four sinks, share of msgpackr's`, values: share, atMost: 3.3 },
    { name: `${name}: the slowest sink`, values: rate, unit: "records/s" },
    { name: `${name}: resident memory, peak`, values: peak, unit: "MB", atMost: MOST_MB },
  ];
}

async function run(backlog: Backlog, postgres: TestPostgres, records: number): Promise<Run> {
  await postgres.query("DROP TABLE IF EXISTS tyk_analytics, tyk_aggregated, sluice_watermarks");
  return runPump(backlog, sinksOn(postgres), records);
}

function sinksOn({ dsn, query }: TestPostgres): Sinks {
  const meta = { type: "postgres", connection_string: dsn };
  const count = async (sql: string) => Number((await query(sql))[0]!.n);
  const hits = "SELECT coalesce(sum(counter_hits), 0) AS n FROM tyk_aggregated WHERE dimension = ''";
  return {
    csv: { type: "csv" },
    sql: { type: "sql", meta, arrived: () => count("SELECT count(*) AS n FROM tyk_analytics") },
    aggregate: { type: "sql_aggregate", meta, arrived: () => count(hits) },
    prometheus: { type: "prometheus" },
  };
}

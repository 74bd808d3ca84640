import pg from "pg";
import { startPostgres, type TestPostgres } from "../../test/support/postgres.ts";
import type { Backlog } from "../backlog.ts";
import { decoder } from "../decoder.ts";
import { type ForeignSink, runPump } from "../pump.ts";
import type { Figure } from "../table.ts";

const RECORDS = 300_000;
const ROUNDS = 3;
/** Rows of the baseline: 1,000 rows of 52 columns are near the 65,535 parameters that a statement may have. */
const BASE_ROWS = 60_000;
const BATCH = 1000;

/** The sql sink on PostgreSQL against what msgpackr needs merely to decode such records, and against multi-row VALUES with the same rows. */
export async function sql(backlog: Backlog): Promise<Figure[]> {
  const postgres = await startPostgres({ flags: { max_wal_size: "4GB", shared_buffers: "256MB" } });
  try {
    return await measure(backlog, postgres);
  } finally {
    await postgres.stop();
  }
}

async function measure(backlog: Backlog, postgres: TestPostgres): Promise<Figure[]> {
  const decode = decoder();
  const figures: { [name: string]: number[] } = { base: [], cost: [], share: [], rate: [], values: [], times: [] };
  decode();
  for (let round = 0; round < ROUNDS; round++) {
    const one = decode();
    await postgres.query("DROP TABLE IF EXISTS tyk_analytics, tyk_again");
    const run = await runPump(backlog, { sql: sink(postgres) }, RECORDS);
    const cpu = (run.cpuSeconds / RECORDS) * 1e9;
    const rate = RECORDS / run.sinks.get("sql")!.seconds;
    const base = await valuesRate(postgres);
    figures.base!.push(one.cpu);
    figures.cost!.push(cpu);
    figures.share!.push(cpu / one.cpu);
    figures.rate!.push(rate);
    figures.values!.push(base);
    figures.times!.push(rate / base);
  }
  return [
    { name: "msgpackr, CPU a record", values: figures.base!, unit: "ns" },
    { name: "sql on PostgreSQL, CPU of the process a record", values: figures.cost!, unit: "ns" },
    { name: "share of msgpackr's", values: figures.share!, atMost: 0.8 },
    { name: "sql on PostgreSQL", values: figures.rate!, unit: "records/s" },
    { name: "multi-row VALUES by pg, rows ready", values: figures.values!, unit: "records/s" },
    { name: "times multi-row VALUES", values: figures.times!, atLeast: 2.5 },
  ];
}

function sink(postgres: TestPostgres): ForeignSink {
  return {
    type: "sql",
    meta: { type: "postgres", connection_string: postgres.dsn },
    arrived: async () => Number((await postgres.query("SELECT count(*) AS n FROM tyk_analytics"))[0]!.n),
  };
}

/** Inserts the same rows into a table of the same kind, 1,000 a statement: rows a second. */
async function valuesRate({ host, port, query }: TestPostgres): Promise<number> {
  await query("DROP TABLE IF EXISTS tyk_again; CREATE TABLE tyk_again (LIKE tyk_analytics)");
  const client = new pg.Client({ host, port, user: "sluice", database: "postgres" });
  await client.connect();
  try {
    const { rows, fields } = await client.query({
      text: `SELECT * FROM tyk_analytics LIMIT ${BASE_ROWS}`,
      rowMode: "array",
    });
    const columns = fields.map(({ name }) => `"${name}"`).join(",");
    const place = (row: number) => `(${fields.map((_, i) => `$${row * fields.length + i + 1}`).join(",")})`;
    const text = `INSERT INTO tyk_again (${columns}) VALUES ${Array.from({ length: BATCH }, (_, row) => place(row)).join(",")}`;
    const batches = Array.from({ length: BASE_ROWS / BATCH }, (_, i) => rows.slice(i * BATCH, (i + 1) * BATCH).flat());
    const began = performance.now();
    for (const values of batches) await client.query({ text, values });
    return (BASE_ROWS / (performance.now() - began)) * 1000;
  } finally {
    await client.end();
  }
}

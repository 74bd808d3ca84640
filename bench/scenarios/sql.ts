import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import pg from "pg";
import { startPostgres, type TestPostgres } from "../../test/support/postgres.ts";
import type { Backlog } from "../backlog.ts";
import { around, decoder } from "../decoder.ts";
import { type ForeignSink, runPump } from "../pump.ts";
import type { Figure } from "../table.ts";

const RECORDS = 300_000;
const ROUNDS = 5;
/** Rows of the baseline: 1,000 rows of 52 columns are near the 65,535 parameters that a statement may have. */
const BASE_ROWS = 60_000;
const BATCH = 1000;
/** Rows of a transaction, as many as the sink's have. */
const TRANSACTION = 3000;

/**
 * The sql sink on PostgreSQL against what msgpackr needs merely to decode such records, and against multi-row VALUES with the same rows;
 * on SQLite against a bare loop with the same rows.
 */
export async function sql(backlog: Backlog): Promise<Figure[]> {
  const postgres = await startPostgres({ flags: { max_wal_size: "4GB", shared_buffers: "256MB" } });
  try {
    return [...(await onPostgres(backlog, postgres)), ...(await onSqlite(backlog))];
  } finally {
    await postgres.stop();
  }
}

async function onSqlite(backlog: Backlog): Promise<Figure[]> {
  const rate: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const folder = mkdtempSync(join(tmpdir(), "sluice-bench-sqlite-"));
    try {
      const file = join(folder, "rows.db");
      const run = await runPump(backlog, { sql: sqliteSink(file) }, RECORDS);
      rate.push(RECORDS / run.sinks.get("sql")!.seconds);
      bare.push(bareRate(file));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  return [
    { name: "sql on SQLite", values: rate, unit: "records/s" },
    { name: "bare better-sqlite3, rows ready", values: bare, unit: "records/s" },
    { name: "time of the sink, of the bare loop's", values: rate.map((one, i) => bare[i]! / one), atMost: 1.3 },
  ];
}

function sqliteSink(file: string): ForeignSink {
  return {
    type: "sql",
    meta: { type: "sqlite", connection_string: file },
    arrived: async () => count(file),
  };
}

function count(file: string): number {
  const database = new Sqlite(file);
  const { n } = database.prepare("SELECT count(*) AS n FROM tyk_analytics").get() as { n: number };
  database.close();
  return n;
}

/** Inserts the rows into a table of the same kind in another file, as the sink does: rows a second. Only what inserts is timed. */
function bareRate(file: string): number {
  const from = new Sqlite(file);
  const page = from.prepare("SELECT * FROM tyk_analytics LIMIT ? OFFSET ?").raw();
  const { sql: table } = from.prepare("SELECT sql FROM sqlite_master WHERE name = 'tyk_analytics'").get() as {
    sql: string;
  };
  const to = new Sqlite(`${file}.bare`);
  to.pragma("journal_mode = WAL");
  to.pragma("synchronous = FULL");
  to.exec(table);
  const insert = to.prepare(
    `INSERT INTO tyk_analytics VALUES (${page
      .columns()
      .map(() => "?")
      .join(",")})`,
  );
  let ms = 0;
  for (let i = 0; i < RECORDS; i += TRANSACTION) {
    const rows = page.all(TRANSACTION, i) as unknown[][];
    const began = performance.now();
    to.exec("BEGIN IMMEDIATE");
    for (const row of rows) insert.run(...row);
    to.exec("COMMIT");
    ms += performance.now() - began;
  }
  from.close();
  to.close();
  return (RECORDS / ms) * 1000;
}

async function onPostgres(backlog: Backlog, postgres: TestPostgres): Promise<Figure[]> {
  const decode = decoder();
  const figures: { [name: string]: number[] } = { base: [], cost: [], share: [], rate: [], values: [], times: [] };
  decode();
  for (let round = 0; round < ROUNDS; round++) {
    await postgres.query("DROP TABLE IF EXISTS tyk_analytics, tyk_again");
    const [run, one] = await around(decode, () => runPump(backlog, { sql: sink(postgres) }, RECORDS));
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

/** Holds sql-uptime to recordings of Tyk Pump 1.16.0. Only where the recordings are. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { encodeUptime } from "@sluice/sdk/record";
import { open, type TestRecord } from "@sluice/sdk/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { uptimeSink } from "../../plugins/sql/uptime/sink.ts";
import { CouldNotRun } from "../support/could-not-run.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { recordsOf } from "./job.ts";

// Hours are those of the process.
process.env.TZ = "UTC";

const ROOT = join(import.meta.dirname, "../../../shared/fixtures");
const read = (file: string) => gunzipSync(readFileSync(join(ROOT, file)));

type Row = { [column: string]: unknown };

/** The line of a record, as the reference decoded it. */
interface Line {
  url: string;
  request_time: number;
  response_code: number;
  timestamp: string;
  org_id: string;
}

if (existsSync(ROOT)) describe("recordings of the SQL uptime pump", compareAll);
else
  test("recordings of the SQL uptime pump", () => {
    throw new CouldNotRun("the whole recordings are not beside this checkout; plugins/sql/uptime has tests of its own");
  });

function compareAll(): void {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);
  afterAll(() => postgres?.stop());

  /** All rows of the table after these batches. */
  async function written(batches: readonly (readonly TestRecord[])[], table = "tyk_uptime_analytics", more = {}) {
    await postgres.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    const settings = { type: "postgres", connection_string: postgres.dsn, ...more };
    const sink = await open(uptimeSink, settings, { limits: { gather: { ms: 10 } } });
    for (const batch of batches) {
      sink.deliver(batch, { wire: "uptime" });
      let done = false;
      const settled = sink.settled().finally(() => {
        done = true;
      });
      while (!done) {
        await sleep(2);
        sink.clock.advance(10);
      }
      await settled;
    }
    await sink.close();
    const rows = await postgres.query(`SELECT row_to_json(t)::text AS line FROM ${table} t ORDER BY id`);
    return rows.map(({ line }): Row => JSON.parse(String(line)));
  }
  const recorded = (file: string): Row[] =>
    readFileSync(join(ROOT, file), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  const lines = (): Line[] =>
    read("corpora/Auptime.jsonl.gz")
      .toString()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  /** The reports as if all were of the hour into which the reference puts a whole purge. */
  const ofOneHour = () =>
    lines().map(({ url, request_time, response_code, timestamp, org_id }) => {
      const seconds = Date.parse(timestamp) / 1000;
      const moved = 1773522000 + (Math.floor(seconds) % 3600);
      return encodeUptime({
        url,
        requestTime: request_time,
        responseCode: response_code,
        orgId: org_id,
        timestamp: { seconds: moved, nanos: 0 },
      });
    });
  /** Without what the reference takes of the first record, and Sluice of the newest. */
  const timeless = (rows: readonly Row[]) => rows.map(({ counter_last_time: _, ...row }) => row);

  /** Sums over the hours, by organisation, dimension and value. */
  const sums = (all: readonly Row[]) => {
    const byKey = new Map<string, { [column: string]: number }>();
    for (const row of all) {
      const key = `${row.org_id} ${row.dimension} ${row.dimension_value}`;
      const sum = byKey.get(key) ?? {};
      for (const [column, value] of Object.entries(row)) {
        if (/^(code_|counter_(hits|success|error|total_request_time)$)/.test(column)) {
          sum[column] = (sum[column] ?? 0) + Number(value);
        }
      }
      byKey.set(key, sum);
    }
    return byKey;
  };

  test("reports of one hour: every column but the last time", async () => {
    expect(timeless(await written([ofOneHour()]))).toEqual(
      timeless(recorded("A/uptime-pg/rows.tyk_uptime_analytics.jsonl")),
    );
  });

  test("the same twice: sums double; so the mean stays", async () => {
    const rows = timeless(await written([ofOneHour(), ofOneHour()]));
    const expected = timeless(recorded("A/uptime-pg-twice/rows.tyk_uptime_analytics.jsonl"));
    // A quotient of decimals has other digits at its end than one of doubles.
    const round = (all: Row[]) =>
      all.map((row) => ({ ...row, counter_request_time: Number(Number(row.counter_request_time).toFixed(9)) }));
    expect(round(rows)).toEqual(round(expected));
  });

  test("reports as they were recorded: each in its own hour, with the reference's sums", async () => {
    const rows = await written([recordsOf(read("corpora/Auptime.resp.gz"))]);
    expect(sums(rows)).toEqual(sums(recorded("A/uptime-pg/rows.tyk_uptime_analytics.jsonl")));
    const hours = new Set(rows.map((row) => row.timestamp));
    expect([...hours].sort()).toEqual([0, 1, 2, 3, 4].map((hour) => 1773522000 + 3600 * hour));
  });

  test("with table_sharding in Asia/Kolkata: days and hours are those of that zone", async () => {
    const before = process.env.TZ;
    process.env.TZ = "Asia/Kolkata";
    try {
      const table = "tyk_uptime_analytics_20260315";
      const raw = [recordsOf(read("corpora/Auptime.resp.gz"))];
      const rows = await written(raw, table, { table_sharding: true });
      expect(sums(rows)).toEqual(sums(recorded(`A/tz-kolkata-uptime-pg-sharded/rows.${table}.jsonl`)));
      // The reference puts all into the first hour.
      expect(Math.min(...rows.map((row) => Number(row.timestamp)))).toBe(1773520200);
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  test("the columns of the table", async () => {
    const [row] = await written([ofOneHour()]);
    const [first] = recorded("A/uptime-pg/rows.tyk_uptime_analytics.jsonl");
    expect(Object.keys(row!)).toEqual(Object.keys(first!));
    const types = await postgres.query(
      `SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = 'tyk_uptime_analytics' ORDER BY ordinal_position`,
    );
    const ddl = readFileSync(join(ROOT, "A/uptime-pg/ddl.sql"), "utf8");
    const declared = [...ddl.matchAll(/^ {4}"?(\w+)"? ([a-z ]+?)( NOT NULL)?,?$/gm)].map(([, name, type]) => ({
      name,
      type,
    }));
    expect(types).toEqual(declared);
  });
}

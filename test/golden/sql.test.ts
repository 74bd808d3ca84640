/**
 * Holds sql, sql-graph and sql-mcp to recordings of Tyk Pump 1.16.0: rows, columns, types and indexes. A part of the recordings is
 * always there; the whole only where it lies beside this checkout.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { SinkDefinition } from "@sluice/sdk";
import { open } from "@sluice/sdk/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import definitions from "../../plugins/sql/index.ts";
import { CouldNotRun } from "../support/could-not-run.ts";
import { recordsOf } from "./job.ts";
import { mariadbServer, postgresServer, type SqlServer, type Tables } from "./sql-server.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");
const ROOT = join(import.meta.dirname, "../../../shared/fixtures");
const SINKS = { sql: "tyk_analytics", "sql-graph": "tyk_analytics_graph", "sql-mcp": "tyk_analytics_mcp" } as const;
type Sink = keyof typeof SINKS;

interface Case {
  sink: Sink;
  corpus: string;
  sharded?: boolean;
  zone?: string;
  /** Rows of each table, where they are not in the recording but equal those of another. */
  counts?: { [table: string]: number };
  /** Tyk Pump loses rows that we write. */
  loses?: boolean;
}

const POSTGRES: { [folder: string]: Case } = {
  "A/pg-sql": { sink: "sql", corpus: "A" },
  "A/pg-sql-sharded": { sink: "sql", corpus: "A", sharded: true },
  "A/pg-sqlgraph": { sink: "sql-graph", corpus: "A" },
  "A/pg-sqlgraph-sharded": { sink: "sql-graph", corpus: "A", sharded: true },
  "A/pg-sqlmcp": { sink: "sql-mcp", corpus: "A" },
  "A/pg-sqlmcp-sharded": { sink: "sql-mcp", corpus: "A", sharded: true },
  "A/tz-kolkata-pg-sql-sharded": {
    sink: "sql",
    corpus: "A",
    sharded: true,
    zone: "Asia/Kolkata",
    counts: { tyk_analytics_20260314: 529, tyk_analytics_20260315: 708, tyk_analytics_20260316: 503 },
  },
  "A/pb/pg-sql": { sink: "sql", corpus: "Apb" },
  "A/pb/pg-sql-sharded": { sink: "sql", corpus: "Apb", sharded: true },
  "A/pb/pg-sqlgraph": { sink: "sql-graph", corpus: "Apb" },
  "A/pb/pg-sqlmcp": { sink: "sql-mcp", corpus: "Apb" },
  "Anasty/ok/pg-sql": { sink: "sql", corpus: "Anasty_ok" },
  "Anasty/ok/pg-sql-sharded": { sink: "sql", corpus: "Anasty_ok", sharded: true },
  "Anasty/ok/pg-sqlgraph": { sink: "sql-graph", corpus: "Anasty_ok" },
  "Anasty/ok/pg-sqlmcp": { sink: "sql-mcp", corpus: "Anasty_ok" },
  "Anasty/pg-sql-bs1": { sink: "sql", corpus: "Anasty", loses: true },
  "Anasty/pg-sqlgraph-bs1": { sink: "sql-graph", corpus: "Anasty", loses: true },
  "Anasty/pg-sqlmcp-bs1": { sink: "sql-mcp", corpus: "Anasty", loses: true },
};

const MARIADB: { [folder: string]: Case } = {
  "A/my-sql": { sink: "sql", corpus: "A" },
  "A/my-sql-sharded": { sink: "sql", corpus: "A", sharded: true },
  "A/my-sqlgraph": { sink: "sql-graph", corpus: "A" },
  "A/my-sqlmcp": { sink: "sql-mcp", corpus: "A" },
  "A/pb/my-sql": { sink: "sql", corpus: "Apb" },
  "Anasty/my-sql-bs1": { sink: "sql", corpus: "Anasty", loses: true },
};

/** What the sink leaves in an empty database. */
async function written(
  server: SqlServer,
  { sink, sharded = false, zone }: Case,
  resp: Buffer,
  wire: "msgpack" | "protobuf",
) {
  const definition = definitions.find(({ type }) => type === sink) as SinkDefinition | undefined;
  const before = process.env.TZ;
  if (zone) process.env.TZ = zone;
  try {
    const config = { type: server.type, connection_string: await server.database(), table_sharding: sharded };
    const running = await open(definition!, config);
    const records = recordsOf(resp);
    for (let i = 0; i < records.length; i += 300) running.deliver(records.slice(i, i + 300), { wire });
    await running.settled();
    await running.close();
    return { tables: await server.tables(), letters: running.deadLetters(), taken: running.taken };
  } finally {
    if (zone) restore(before);
  }
}

function restore(zone: string | undefined): void {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
}

/** JSON of either database with numbers and white space in one form. */
const normal = (line: string) => JSON.stringify(JSON.parse(line));
const sorted = (lines: readonly string[]) => lines.map(normal).sort();

/** Tables of days that were made at the start only, empty, are of the day of the recording or of the test. */
function withoutEmpty(tables: Tables): string[] {
  return Object.keys(tables).filter((name) => tables[name]!.rows.length > 0);
}

function compare(server: () => SqlServer, folder: string, one: Case): void {
  test(folder, async () => {
    const read = (name: string) => readFileSync(join(ROOT, folder, name));
    const resp = gunzipSync(readFileSync(join(ROOT, `corpora/${one.corpus}.resp.gz`)));
    const { tables, letters } = await written(server(), one, resp, one.corpus === "Apb" ? "protobuf" : "msgpack");
    const ddl = read("ddl.sql").toString();
    const indexes = existsSync(join(ROOT, folder, "indexes.txt")) ? read("indexes.txt").toString() : "";
    const recorded = readdirSync(join(ROOT, folder)).filter((name) => name.startsWith("rows."));
    for (const file of recorded) {
      const [, table] = file.split(".");
      const bytes = file.endsWith(".gz") ? gunzipSync(read(file)) : read(file);
      const expected = sorted(bytes.toString().trim().split("\n"));
      const actual = sorted(tables[table!]!.rows);
      if (one.loses) expect(expected.filter((row) => !actual.includes(row))).toEqual([]);
      else expect(actual).toEqual(expected);
      expect(tables[table!]!.shape).toEqual(server().shape(table!, ddl, indexes));
    }
    for (const [table, count] of Object.entries(one.counts ?? {})) expect(tables[table]!.rows).toHaveLength(count);
    if (recorded.length > 0 && !one.loses) {
      expect(withoutEmpty(tables)).toEqual(recorded.map((file) => file.split(".")[1]).sort());
    }
    expect(letters.every(({ reason }) => one.loses && /Infinity/.test(reason))).toBe(true);
  });
}

interface Extract {
  [name: string]: { rows: string[]; shape: string[] };
}

function extracts(type: SqlServer["type"], server: () => SqlServer): void {
  const kept = (name: string) => gunzipSync(readFileSync(join(FIXTURES, name)));
  const expected: Extract = JSON.parse(kept("sql.json.gz").toString());
  for (const corpus of ["plain", "hostile", "protobuf"]) {
    for (const sink of Object.keys(SINKS) as Sink[]) {
      const one = expected[`${type} ${corpus} ${sink}`];
      if (!one) continue;
      test(`${corpus} records, ${sink}`, async () => {
        const resp = kept(`${corpus}.resp.gz`);
        const wire = corpus === "protobuf" ? "protobuf" : "msgpack";
        const { tables, taken } = await written(server(), { sink, corpus }, resp, wire);
        const table = tables[SINKS[sink]]!;
        const actual = sorted(table.rows);
        expect(table.shape).toEqual(one.shape);
        expect(one.rows.filter((row) => !actual.includes(row))).toEqual([]);
        // What Tyk Pump has lost of the hostile ones is here.
        if (corpus !== "hostile") expect(actual).toEqual(one.rows);
        expect(actual).toHaveLength(taken.written);
      });
    }
  }
}

for (const [type, start, cases] of [
  ["postgres", postgresServer, POSTGRES],
  ["mysql", mariadbServer, MARIADB],
] as const) {
  describe(type, () => {
    let running: SqlServer;
    const server = () => running;
    beforeAll(async () => {
      running = await start();
    });
    afterAll(() => running?.stop());

    describe("a part of the recordings", () => extracts(type, server));
    if (existsSync(ROOT)) {
      describe("recordings", () => {
        for (const [folder, one] of Object.entries(cases)) compare(server, folder, one);
      });
    } else
      test("recordings", () => {
        throw new CouldNotRun("the whole recordings are not beside this checkout");
      });
  });
}

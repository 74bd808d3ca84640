import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { RecordInput } from "@sluice/sdk/record";
import { open, type TestRecord } from "@sluice/sdk/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aggregateSinks } from "../../plugins/sql/aggregate/sinks.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type AggregateRow, differences } from "./aggregate-rows.ts";
import { recordsOf } from "./job.ts";

/** The tables that Tyk Pump left, against ours for the same records. */

const RECORDINGS = fileURLToPath(new URL("../../../shared/fixtures/", import.meta.url));

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);
afterAll(() => postgres?.stop());

type Meta = { [key: string]: unknown };

/** What the sink leaves in its tables for the records of these purges, in chunks of 100. Table -> rows. */
async function tablesOf(
  type: string,
  meta: Meta,
  purges: readonly (readonly TestRecord[])[],
  wire: "msgpack" | "protobuf",
): Promise<Map<string, AggregateRow[]>> {
  await postgres.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
  const definition = aggregateSinks.find((sink) => sink.type === type)!;
  const sink = await open(definition, { ...meta, type: "postgres", connection_string: postgres.dsn });
  for (const records of purges) {
    for (let i = 0; i < records.length; i += 100) sink.deliver(records.slice(i, i + 100), { wire });
    await sink.clock.advance(4000);
    await sink.settled();
  }
  await sink.close();
  expect(sink.deadLetters()).toEqual([]);
  const tables = await postgres.query(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'tyk_%'",
  );
  return new Map(
    await Promise.all(
      tables.map(async ({ tablename }): Promise<[string, AggregateRow[]]> => {
        const rows = await postgres.query(`SELECT row_to_json(t) AS row FROM ${tablename} t`);
        return [String(tablename), rows.map(({ row }) => row as AggregateRow)];
      }),
    ),
  );
}

function linesOf(file: string): AggregateRow[] {
  const text = file.endsWith(".gz") ? gunzipSync(readFileSync(file)).toString() : readFileSync(file, "utf8");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AggregateRow);
}

/** One organisation, one GraphQL API and one MCP API of an hour: their records, and the rows that Tyk Pump made of them. */
interface Extract {
  readonly type: string;
  readonly records: readonly RecordInput[];
  readonly rows: readonly AggregateRow[];
}

const EXTRACTS = new URL("./fixtures/aggregates.json.gz", import.meta.url);
const extracts = JSON.parse(gunzipSync(readFileSync(EXTRACTS)).toString()) as Extract[];

test.each(extracts)("an extract of $type", async ({ type, records, rows }) => {
  const tables = await tablesOf(type, {}, [records], "msgpack");
  const [ours] = [...tables.values()];
  expect(differences(ours!, rows)).toEqual([]);
  const ids = (of: readonly AggregateRow[]) => of.map(({ id }) => id).sort();
  expect(ids(ours!)).toEqual(ids(rows));
});

describe.runIf(existsSync(RECORDINGS))("whole recordings", () => {
  const CASES = [
    ["hour", "Ahour"],
    ["A", "A"],
    ["A/pb", "Apb"],
    ["Anasty/ok", "Anasty_ok"],
    ["Anasty/agg", "Anasty_agg"],
  ].flatMap(([folder, corpus]) =>
    (existsSync(RECORDINGS) ? readdirSync(`${RECORDINGS}${folder}`) : [])
      .filter((name) => /^pg-sql(graph|mcp)?agg/.test(name) && !/omitidx|then/.test(name))
      .map((name) => ({ name: `${folder}/${name}`, corpus: corpus! })),
  );
  test.each(CASES)("$name", { timeout: 30_000 }, async ({ name, corpus }) => {
    const folder = `${RECORDINGS}${name}`;
    const files = readdirSync(folder).filter((file) => file.startsWith("rows."));
    const conf = JSON.parse(readFileSync(`${folder}/conf.json`, "utf8")) as {
      pumps: { [name: string]: { type: string; meta: Meta } };
    };
    const [{ type, meta }] = Object.values(conf.pumps) as [{ type: string; meta: Meta }];
    const records = recordsOf(gunzipSync(readFileSync(`${RECORDINGS}corpora/${corpus}.resp.gz`)));
    const purges = name.endsWith("-twice") ? [records, records] : [records];
    const ours = await tablesOf(type, meta, purges, corpus === "Apb" ? "protobuf" : "msgpack");
    for (const file of files) {
      const table = file.split(".")[1]!;
      const theirs = linesOf(`${folder}/${file}`);
      const found = differences(ours.get(table) ?? [], theirs, { purges: /-(sharded|twice)$/.test(name) });
      expect(found.slice(0, 20)).toEqual([]);
      if (corpus === "Ahour")
        expect(
          ours
            .get(table)
            ?.map(({ id }) => id)
            .sort() ?? [],
        ).toEqual(theirs.map(({ id }) => id).sort());
    }
  });
});

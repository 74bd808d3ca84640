import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startPostgres, type TestPostgres } from "../../../../test/support/postgres.ts";
import type { Database, Value } from "../database.ts";
import type { Table } from "../dialect.ts";
import { openDatabase } from "../open.ts";
import { insertRows } from "../schema.ts";
import { ColumnLists } from "./column-lists.ts";
import { postgresDialect } from "./dialect.ts";

const TABLE: Table = {
  name: "lists",
  columns: [
    { name: "n", type: "integer" },
    { name: "t", type: "text" },
    { name: "i", type: "integer" },
    { name: "f", type: "float" },
    { name: "b", type: "boolean" },
  ],
};
const NAMES = TABLE.columns.map(({ name }) => name);

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  database = await openDatabase({ type: "postgres", connection_string: postgres.dsn } as never);
  const columns = TABLE.columns.map(({ name, type }) => `${name} ${postgresDialect.types[type]}`).join(",");
  for (const table of ["lists", "plain"]) await database.query(`CREATE TABLE ${table} (${columns})`);
});
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
});

const text = fc.oneof(
  fc.constantFrom("", "NULL", "{}", ",", '"', "\\", "a,b", '{"a":"\\\\"}', " x ", "\n", "ünï", "😀\\", "null", "\t"),
  fc.string({ unit: "binary", maxLength: 20 }).map((value) => value.replaceAll("\0", "")),
);
const integer = fc.oneof(fc.integer(), fc.constantFrom(0, 9, 10, 999_999_999, 1e9, -1, 2 ** 53 - 1, 2n ** 63n - 1n));
const float = fc.oneof(
  fc.constantFrom(0, -0, 0.1, 1e-7, 1e21, 123_456),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
);
const orNull = (value: fc.Arbitrary<Value>) => fc.option(value, { freq: 8 });
const row = fc.tuple(orNull(text), orNull(integer), orNull(float), orNull(fc.boolean()));

test("rows are the same as with a parameter for each value, whatever they hold, time and again", async () => {
  const lists = new ColumnLists(TABLE);
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 12 }), async (some) => {
      const rows = some.map((values, n): Value[] => [n, ...values]);
      await database.query("TRUNCATE lists, plain");
      for (const values of rows) lists.add(values);
      expect(lists.size).toBe(rows.length);
      const { sql, values } = lists.take();
      await database.query(sql, values);
      await database.query(insertRows(postgresDialect, "plain", NAMES, rows.length), rows.flat());
      const stored = async (table: string) => (await database.query(`SELECT * FROM ${table} ORDER BY n`)).rows;
      expect(await stored("lists")).toEqual(await stored("plain"));
      expect(lists.size).toBe(0);
    }),
    { numRuns: 150 },
  );
});

test("a long list grows, and rows of one value each have no list", async () => {
  const lists = new ColumnLists(TABLE);
  await database.query("TRUNCATE lists");
  for (let n = 0; n < 5000; n++) lists.add([n, "x".repeat(200), 7, 0.5, true]);
  const many = lists.take();
  expect(many.values.map((value) => value instanceof Uint8Array)).toEqual([true, false, false, false, false]);
  await database.query(many.sql, many.values);
  lists.add([5000, "y", 7, 0.5, true]);
  const one = lists.take();
  expect(one.sql).not.toContain("unnest");
  await database.query(one.sql, one.values);
  const [total] = (await database.query("SELECT count(*), sum(n) FROM lists")).rows;
  expect([Number(total!.count), Number(total!.sum)]).toEqual([5001, (5000 * 5001) / 2]);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { SqliteConnection } from "./driver.ts";
import { rowInserter } from "./row-inserter.ts";

const TYPES = ["text", "integer", "real", "numeric", "datetime", ""];
const NAMES = TYPES.map((_, i) => `c${i}`);
const value = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("", 0, -0, 22, "[]", "{}") },
  fc.constantFrom("'", "0", "0.0", "1", -1, 1.5, 7n, null, "?", "x'; DROP TABLE bound; --"),
);

test("rows are the same as with every value bound, whatever their empty columns", async () => {
  const connection = new SqliteConnection(":memory:");
  const { database } = connection;
  const columns = NAMES.map((name, i) => `${name} ${TYPES[i]}`).join(",");
  for (const table of ["bound", "inserted"]) database.exec(`CREATE TABLE ${table} (${columns})`);
  const bound = database.prepare(`INSERT INTO bound VALUES (${NAMES.map(() => "?").join(",")})`);
  const stored = (table: string) => {
    const all = NAMES.flatMap((name) => [name, `typeof(${name})`]).join(",");
    return database.prepare(`SELECT ${all} FROM ${table} ORDER BY rowid`).raw().all();
  };
  const row = fc.tuple(...NAMES.map(() => value));
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), (rows) => {
      database.exec("DELETE FROM bound; DELETE FROM inserted");
      const insert = rowInserter(connection, "inserted", NAMES);
      for (const one of rows) {
        bound.run(...one);
        insert(one);
      }
      expect(stored("inserted")).toEqual(stored("bound"));
    }),
    { numRuns: 300 },
  );
  await connection.close();
});

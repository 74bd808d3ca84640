import { quoteTable } from "../dialect.ts";
import { sqliteDialect } from "./dialect.ts";
import type { SqliteConnection } from "./driver.ts";

type Value = string | number | bigint | null;

/** Values that most rows have in some column, and that need no quoting. Numbers are bound as doubles. */
const LITERALS: ReadonlyMap<Value, string> = new Map<Value, string>([
  ["", "''"],
  ["[]", "'[]'"],
  ["{}", "'{}'"],
  [0, "0.0"],
]);

interface Literal {
  readonly column: number;
  readonly value: Value;
}

/**
 * Inserts rows one by one. Binding values is most of what a row costs, so those that are empty in all rows so far are part of the
 * statement.
 */
export function rowInserter(
  connection: SqliteConnection,
  table: string,
  names: readonly string[],
): (row: readonly Value[]) => void {
  const into = `INSERT INTO ${quoteTable(sqliteDialect, table)} (${names.map(sqliteDialect.quote).join(",")})`;
  let literals: readonly Literal[] | null = null;
  let bound: readonly number[] = [];
  let values: Value[] = [];
  let insert = (_: Value[]): unknown => undefined;

  const prepare = (row: readonly Value[]) => {
    const known: readonly Literal[] = literals ?? row.map((value, column) => ({ column, value }));
    literals = known.filter(({ column, value }) => LITERALS.has(value) && row[column] === value);
    const texts = new Map(literals.map(({ column, value }) => [column, LITERALS.get(value)!]));
    bound = names.flatMap((_, column) => (texts.has(column) ? [] : [column]));
    values = new Array<Value>(bound.length).fill(null);
    const statement = connection.statement(
      `${into} VALUES (${names.map((_, column) => texts.get(column) ?? "?").join(",")})`,
    );
    insert = (all) => statement.run(...all);
  };

  return (row) => {
    if (literals === null || !has(row, literals)) prepare(row);
    for (let i = 0; i < bound.length; i++) values[i] = row[bound[i]!]!;
    insert(values);
  };
}

function has(row: readonly Value[], literals: readonly Literal[]): boolean {
  for (let i = 0; i < literals.length; i++) if (row[literals[i]!.column] !== literals[i]!.value) return false;
  return true;
}

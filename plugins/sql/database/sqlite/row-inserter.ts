import { quoteTable } from "../dialect.ts";
import { sqliteDialect } from "./dialect.ts";
import type { SqliteConnection } from "./driver.ts";

type Value = string | number | bigint | null;

/** Values that most rows have in some column, and that need no quoting. */
const LITERALS: ReadonlyMap<Value, string> = new Map<Value, string>([
  ["", "''"],
  ["[]", "'[]'"],
  ["{}", "'{}'"],
]);
const MOST = 1e9;

/** As part of a statement; undefined: it is to be bound. Numbers are bound as doubles. */
function literalOf(value: Value): string | undefined {
  if (typeof value !== "number") return LITERALS.get(value);
  return Number.isInteger(value) && value >= 0 && value < MOST && !Object.is(value, -0) ? `${value}.0` : undefined;
}

interface Literal {
  readonly column: number;
  readonly value: Value;
}

/**
 * Inserts rows one by one. Binding values is most of what a row costs, so those that are empty, or the same number (the day, the hour),
 * in all rows so far are part of the statement.
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
    literals = known.filter(({ column, value }) => literalOf(value) !== undefined && Object.is(row[column], value));
    const texts = new Map(literals.map(({ column, value }) => [column, literalOf(value)!]));
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
  for (let i = 0; i < literals.length; i++) if (!Object.is(row[literals[i]!.column], literals[i]!.value)) return false;
  return true;
}

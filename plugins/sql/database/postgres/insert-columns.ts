import type { Value } from "../database.ts";
import { type ColumnType, quoteTable, type Table } from "../dialect.ts";
import { postgresDialect } from "./dialect.ts";

/**
 * INSERT from arrays, one a column, and one value for a column that has the same in all rows. An array's text form is in
 * https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.
 */
export function insertColumns(table: Table, columns: readonly (readonly Value[])[]): { sql: string; values: Value[] } {
  const values: Value[] = [];
  const arrays: string[] = [];
  const names: string[] = [];
  const selected = table.columns.map(({ type }, i) => {
    const list = columns[i]!;
    const [first] = list;
    const cast = `$${values.length + 1}::${postgresDialect.types[type]}`;
    if (list.every((value) => value === first)) {
      values.push(first!);
      return cast;
    }
    values.push(arrayText(list, NUMBERS.has(type)));
    arrays.push(`${cast}[]`);
    names.push(`c${i}`);
    return `c${i}`;
  });
  // Rows differ at least in their keys: without arrays there is one.
  const from = arrays.length === 0 ? "" : ` FROM unnest(${arrays.join(",")}) AS lists(${names.join(",")})`;
  const into = table.columns.map(({ name }) => postgresDialect.quote(name)).join(",");
  const sql = `INSERT INTO ${quoteTable(postgresDialect, table.name)} (${into}) SELECT ${selected.join(",")}${from}`;
  return { sql, values };
}

const NUMBERS: ReadonlySet<ColumnType> = new Set(["integer", "unsigned", "float"]);
const SPECIAL = /["\\]/;

function arrayText(list: readonly Value[], numbers: boolean): string {
  return `{${(numbers ? list : list.map(elementText)).join(",")}}`;
}

function elementText(value: Value): string {
  if (typeof value !== "string") return String(value ?? "NULL");
  return SPECIAL.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : `"${value}"`;
}

import { CODE_COLUMNS, COUNTER_COLUMNS, codeColumn, rowId } from "../counters/columns.ts";
import type { Value } from "../database/database.ts";
import { type Dialect, quoteTable, type Table } from "../database/dialect.ts";
import type { Counter } from "./counters.ts";

const TABLE = "tyk_uptime_analytics";
/** Characters that an index keeps beside three others of its row. */
const ORG_CHARACTERS = 191;
const VALUE_CHARACTERS = 400;

/** `day`: "YYYYMMDD", or "" where all have one table. */
export function uptimeTable(day: string): Table {
  return { name: day === "" ? TABLE : `${TABLE}_${day}`, columns: COUNTER_COLUMNS, primaryKey: ["id"] };
}

export { TABLE as UPTIME_TABLE };

/** The values of a row, in the order of the columns; what is not said here is 0. */
export function rowOf(dialect: Dialect, counter: Counter): Value[] {
  const { bucket, org, dimension, value, hits, requestTime } = counter;
  const row: { [column: string]: Value } = {
    id: rowId(dialect, bucket, org, dimension, value),
    counter_hits: hits,
    counter_success: counter.success,
    counter_error: counter.error,
    counter_request_time: hits === 0 ? 0 : requestTime / hits,
    counter_total_request_time: requestTime,
    counter_identifier: dimension === "" ? "" : value,
    counter_human_identifier: "",
    counter_last_time: dialect.time(counter.seconds, counter.nanos),
    counter_error_map: "{}",
    counter_error_list: "[]",
    timestamp: bucket,
    org_id: org.slice(0, ORG_CHARACTERS),
    dimension,
    dimension_value: value.slice(0, Math.min(VALUE_CHARACTERS, dialect.keyCharacters)),
  };
  for (const [code, count] of counter.codes) {
    const column = codeColumn(code);
    if (column !== null) row[column] = ((row[column] as number | undefined) ?? 0) + count;
  }
  return COUNTER_COLUMNS.map(({ name }) => row[name] ?? 0);
}

/** Adds what is counted anew to a row that is there. */
export function onConflict(dialect: Dialect, table: Table): string {
  const stored = (column: string) => `${quoteTable(dialect, table.name)}.${dialect.quote(column)}`;
  const sum = (column: string) => `${stored(column)} + ${dialect.incoming(column)}`;
  const set = (column: string, value: string) => `${dialect.quote(column)} = ${value}`;
  const mean = `(${sum("counter_total_request_time")}) / NULLIF(${sum("counter_hits")}, 0)`;
  return dialect.onConflict(table.primaryKey!, [
    // First: MySQL gives what follows the values that are set before.
    set("counter_request_time", `COALESCE(${mean}, 0)`),
    set("counter_last_time", dialect.greatest(stored("counter_last_time"), dialect.incoming("counter_last_time"))),
    ...["counter_hits", "counter_success", "counter_error", "counter_total_request_time", ...CODE_COLUMNS].map(
      (column) => set(column, sum(column)),
    ),
  ]);
}

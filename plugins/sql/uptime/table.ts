import { COUNTER_COLUMNS, codeColumn } from "../counters/columns.ts";
import { indexedOwner, indexedValue, rowId } from "../counters/texts.ts";
import type { Value } from "../database/database.ts";
import type { Dialect, Table } from "../database/dialect.ts";
import type { Counter } from "./counters.ts";

export const UPTIME_TABLE = "tyk_uptime_analytics";

/** `day`: "YYYYMMDD", or "" where all have one table. */
export function uptimeTable(day: string): Table {
  return { name: day === "" ? UPTIME_TABLE : `${UPTIME_TABLE}_${day}`, columns: COUNTER_COLUMNS, primaryKey: ["id"] };
}

/** The values of a row, in the order of the columns; what is not said here is 0. */
export function rowOf(dialect: Dialect, counter: Counter): Value[] {
  const { bucket, org, dimension, value, hits, requestTime } = counter;
  const row: { [column: string]: Value } = {
    id: rowId(Buffer.from(`${bucket}${org}${dimension}${value}`).toString("hex"), dialect),
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
    // In MySQL these have a length in characters too.
    org_id: indexedOwner(org).slice(0, dialect.keyCharacters),
    dimension,
    dimension_value: indexedValue(value, org).slice(0, dialect.keyCharacters),
  };
  for (const [code, count] of counter.codes) {
    const column = codeColumn(code);
    if (column !== null) row[column] = ((row[column] as number | undefined) ?? 0) + count;
  }
  return COUNTER_COLUMNS.map(({ name }) => row[name] ?? 0);
}

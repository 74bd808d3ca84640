import { CODE_COLUMNS } from "../counters/columns.ts";
import { type Dialect, quoteTable, type Table } from "../database/dialect.ts";

const LARGEST = "9223372036854775807";

/** Plain sums. */
const COUNTS = ["counter_hits", "counter_success", "counter_error", "counter_total_request_time", ...CODE_COLUMNS];
/** Sums of what records say, which may be anything. */
const SATURATED = [
  "counter_total_latency",
  "counter_total_upstream_latency",
  "counter_open_connections",
  "counter_closed_connections",
  "counter_bytes_in",
  "counter_bytes_out",
];
const MEANS = [
  ["counter_request_time", "counter_total_request_time"],
  ["counter_latency", "counter_total_latency"],
  ["counter_upstream_latency", "counter_total_upstream_latency"],
] as const;
const MAXIMA = ["counter_max_latency", "counter_max_upstream_latency"];
const MINIMA = ["counter_min_latency", "counter_min_upstream_latency"];

/** What follows the rows of an INSERT: adds what is counted anew to rows that are there. Names stay as they were written first. */
export function addUp(dialect: Dialect, table: Table): string {
  const stored = (column: string) => `${quoteTable(dialect, table.name)}.${dialect.quote(column)}`;
  const known = (column: string) => `COALESCE(${stored(column)}, 0)`;
  const incoming = (column: string) => dialect.incoming(column);
  // Null where the column is younger than the row.
  const either = (column: string) => `COALESCE(${stored(column)}, ${incoming(column)})`;
  const sum = (column: string) => `${known(column)} + ${incoming(column)}`;
  const set = (column: string, value: string) => `${dialect.quote(column)} = ${value}`;

  const saturated = (column: string) =>
    `CASE WHEN ${incoming(column)} > 0 AND ${known(column)} > ${LARGEST} - ${incoming(column)} THEN ${LARGEST} ` +
    `WHEN ${incoming(column)} < 0 AND ${known(column)} < -${LARGEST} - ${incoming(column)} THEN -${LARGEST} ` +
    `ELSE ${sum(column)} END`;
  // 1e0: a sum of integers must not be divided as one, nor overflow. In PostgreSQL the mean has the 15 digits of a double, as Tyk Pump's.
  const mean = (total: string) =>
    `COALESCE(${dialect.double(`(${known(total)} * 1e0 + ${incoming(total)})`)} / NULLIF(${sum("counter_hits")}, 0), 0)`;
  const hitless = (of: typeof stored, column: string, otherwise: string) =>
    `WHEN ${of("counter_hits")} = 0 THEN ${column} ${otherwise}`;
  const maximum = (column: string) =>
    `CASE ${hitless(known, incoming(column), hitless(incoming, stored(column), `ELSE ${dialect.greatest(either(column), incoming(column))} END`))}`;
  // The minimum of a row is that of its records that are no errors (the total: of its successes), if it has such.
  const good = (of: typeof stored) =>
    `CASE WHEN ${stored("dimension")} = '' THEN ${of("counter_success")} ELSE ${of("counter_hits")} - ${of("counter_error")} END > 0`;
  const minimum = (column: string) =>
    `CASE ${hitless(known, incoming(column), hitless(incoming, stored(column), ""))}` +
    `WHEN ${good(known)} AND NOT (${good(incoming)}) THEN ${stored(column)} ` +
    `WHEN ${good(incoming)} AND NOT (${good(known)}) THEN ${incoming(column)} ` +
    `ELSE ${dialect.least(either(column), incoming(column))} END`;

  return dialect.onConflict(table.primaryKey!, [
    // MySQL gives what follows the values that are set before: what is made of counts comes ahead of them.
    ...MEANS.map(([column, total]) => set(column, mean(total))),
    ...MAXIMA.map((column) => set(column, maximum(column))),
    ...MINIMA.map((column) => set(column, minimum(column))),
    set("counter_last_time", dialect.greatest(either("counter_last_time"), incoming("counter_last_time"))),
    ...SATURATED.map((column) => set(column, saturated(column))),
    ...COUNTS.map((column) => set(column, sum(column))),
  ]);
}

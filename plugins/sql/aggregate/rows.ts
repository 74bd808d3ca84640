import type { AggregateCounter, AggregateGroup } from "@sluice/sdk/aggregate";
import { codeColumn } from "../counters/columns.ts";
import { clean, indexedOwner, indexedValue, rowId } from "../counters/texts.ts";
import type { Value } from "../database/database.ts";
import type { Dialect, Table } from "../database/dialect.ts";

const LARGEST = 2n ** 63n - 1n;

type Make = (counter: AggregateCounter, group: AggregateGroup, dialect: Dialect) => Value;

const MAKE: { readonly [column: string]: Make } = {
  id: ({ id }, _, dialect) => rowId(id, dialect),
  timestamp: (_, { bucket }) => bucket.seconds,
  org_id: (_, { org }) => indexedOwner(org),
  api_id: (_, { api }) => clean(api),
  dimension: ({ dimension }) => dimension,
  dimension_value: ({ outer, key }, { org }) => indexedValue(outer === "" ? key : `${outer}.${key}`, org),
  counter_hits: ({ hits }) => hits,
  counter_success: ({ success }) => success,
  counter_error: ({ error }) => error,
  counter_request_time: ({ totalRequestTime, hits }) => mean(totalRequestTime, hits),
  counter_total_request_time: ({ totalRequestTime }) => totalRequestTime,
  counter_identifier: ({ identifier }) => clean(identifier),
  counter_human_identifier: ({ human }) => clean(human),
  counter_last_time: ({ lastTime }, _, dialect) => dialect.time(lastTime.seconds, lastTime.nanos),
  counter_open_connections: ({ openConnections }) => int64(openConnections),
  counter_closed_connections: ({ closedConnections }) => int64(closedConnections),
  counter_bytes_in: ({ bytesIn }) => int64(bytesIn),
  counter_bytes_out: ({ bytesOut }) => int64(bytesOut),
  counter_max_upstream_latency: ({ maxUpstreamLatency }) => int64(maxUpstreamLatency),
  counter_min_upstream_latency: ({ minUpstreamLatency }) => int64(minUpstreamLatency),
  counter_total_upstream_latency: ({ totalUpstreamLatency }) => int64(totalUpstreamLatency),
  counter_upstream_latency: ({ totalUpstreamLatency, hits }) => mean(totalUpstreamLatency, hits),
  counter_max_latency: ({ maxLatency }) => int64(maxLatency),
  counter_min_latency: ({ minLatency }) => int64(minLatency),
  counter_total_latency: ({ totalLatency }) => int64(totalLatency),
  counter_latency: ({ totalLatency, hits }) => mean(totalLatency, hits),
  counter_error_map: () => "{}",
  counter_error_list: () => "[]",
};

/** Makes the values of a table's columns for a counter of a group, always in the same array. */
export function rowMaker(
  dialect: Dialect,
  { columns }: Table,
): (counter: AggregateCounter, group: AggregateGroup) => readonly Value[] {
  const makes = columns.map(({ name }) => MAKE[name]);
  const places = new Map(columns.map(({ name }, i) => [name, i]));
  const row = new Array<Value>(columns.length);
  return (counter, group) => {
    // Codes begin at 0.
    for (let i = 0; i < row.length; i++) row[i] = makes[i]?.(counter, group, dialect) ?? 0;
    for (const { code, count } of counter.errors) {
      const column = codeColumn(Number(code));
      if (column !== null) (row[places.get(column)!] as number) += count;
    }
    return row;
  };
}

function mean(total: number, hits: number): number {
  return hits === 0 ? 0 : total / hits;
}

/** Sums that a database's integers cannot hold stay at the largest. */
function int64(value: number): number | bigint {
  if (Number.isSafeInteger(value)) return value;
  const exact = BigInt(value);
  if (exact > LARGEST) return LARGEST;
  return exact < -LARGEST ? -LARGEST : exact;
}

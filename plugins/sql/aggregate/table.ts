import type { AggregateKind } from "@sluice/sdk/aggregate";
import { CODE_COLUMNS, COUNTER_COLUMNS } from "../counters/columns.ts";
import type { Column, Index, Table } from "../database/dialect.ts";

/** Names, columns, their order and types are Tyk Pump's: a table that it has filled goes on being filled. */
const NAMES: { readonly [kind in AggregateKind]: string } = {
  rest: "tyk_aggregated",
  graphql: "tyk_graph_aggregated",
  mcp: "tyk_mcp_aggregated",
};

const OWN = ["id", "timestamp", "org_id", "dimension", "dimension_value"];

/** In MySQL these texts have no length of their own. */
const REST: readonly Column[] = COUNTER_COLUMNS.map((column) =>
  ["org_id", "dimension", "dimension_value"].includes(column.name) ? { ...column, type: "text" } : column,
);

const isCode = ({ name }: Column) => CODE_COLUMNS.includes(name);
const named = (...names: string[]) => names.map((name) => REST.find((column) => column.name === name)!);

/** GraphQL and MCP: another order, and the API. */
const BY_API: readonly Column[] = [
  ...named("id", "org_id", "dimension", "dimension_value"),
  { name: "api_id", type: "text" },
  ...REST.filter((column) => !OWN.includes(column.name) && !isCode(column)),
  ...REST.filter(isCode),
  ...named("timestamp"),
];

export function tableName(kind: AggregateKind): string {
  return NAMES[kind];
}

/** `day`: "YYYYMMDD", or "" where all have one table. */
export function aggregateTable(kind: AggregateKind, day: string): Table {
  const columns = kind === "rest" ? REST : BY_API;
  return { name: day === "" ? NAMES[kind] : `${NAMES[kind]}_${day}`, columns, primaryKey: ["id"] };
}

/** The index of the dashboard's queries. */
export function dimensionIndex(table: Table): Index {
  return { name: `${table.name}_idx_dimension`, columns: ["dimension", "timestamp", "org_id", "dimension_value"] };
}

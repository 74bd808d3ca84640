import type { Column, Index, Table } from "../database/dialect.ts";

/** A row of counters: what the tables of aggregates and of uptime reports have in common. Names, order and types are Tyk Pump's. */
const CODES = [
  "1x",
  "200",
  "201",
  "2x",
  "301",
  "302",
  "303",
  "304",
  "3x",
  "400",
  "401",
  "403",
  "404",
  "429",
  "4x",
  "500",
  "501",
  "502",
  "503",
  "504",
  "5x",
] as const;

const KNOWN: ReadonlySet<string> = new Set(CODES);

export const CODE_COLUMNS: readonly string[] = CODES.map((code) => `code_${code}`);

/** The column that counts a status code: its own or that of its class; null: there is none. */
export function codeColumn(code: number): string | null {
  const text = String(code);
  if (KNOWN.has(text)) return `code_${text}`;
  const ofClass = `${text[0]}x`;
  return KNOWN.has(ofClass) ? `code_${ofClass}` : null;
}

const of = (type: Column["type"], ...names: string[]): Column[] => names.map((name) => ({ name, type }));

/** The columns from `id` to the codes. */
export const COUNTER_COLUMNS: readonly Column[] = [
  ...of("key", "id"),
  ...of("integer", "counter_hits", "counter_success", "counter_error"),
  ...of("float", "counter_request_time", "counter_total_request_time"),
  ...of("text", "counter_identifier", "counter_human_identifier"),
  ...of("time", "counter_last_time"),
  ...of("integer", "counter_open_connections", "counter_closed_connections", "counter_bytes_in", "counter_bytes_out"),
  ...of("integer", "counter_max_upstream_latency", "counter_min_upstream_latency", "counter_total_upstream_latency"),
  ...of("float", "counter_upstream_latency"),
  ...of("integer", "counter_max_latency", "counter_min_latency", "counter_total_latency"),
  ...of("float", "counter_latency"),
  ...of("text", "counter_error_map", "counter_error_list"),
  ...of("integer", "timestamp"),
  ...of("key", "org_id", "dimension", "dimension_value"),
  ...of("integer", ...CODE_COLUMNS),
];

/** Named by its table: in PostgreSQL the names of indexes are a schema's. */
export function dimensionIndex(table: Table): Index {
  return { name: `${table.name}_dimension`, columns: ["timestamp", "org_id", "dimension", "dimension_value"] };
}

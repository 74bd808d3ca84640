/**
 * What runs where nothing is configured: the embedded log, all records as CSV files and as rows and hourly totals of SQLite, failed
 * requests as CSV files of their own.
 * Read like a file of the operator's, so that variables still count.
 */
export const DEMO = JSON.stringify({
  dont_purge_uptime_data: true,
  pumps: {
    csv: { type: "csv", meta: { csv_dir: "./data/csv" } },
    errors: {
      type: "csv",
      filters: { response_codes: Array.from({ length: 200 }, (_, i) => 400 + i) },
      meta: { csv_dir: "./data/errors" },
    },
    rows: { type: "sql", meta: { type: "sqlite", connection_string: "./data/analytics.db" } },
    totals: { type: "sql_aggregate", meta: { type: "sqlite", connection_string: "./data/analytics.db" } },
  },
  sluice: { log: { engine: "disk", folder: "./data/log" } },
});

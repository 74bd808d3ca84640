import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RecordInput } from "@sluice/sdk/record";
import type { ConformanceFile, FarEnd, Subject } from "@sluice/sdk/testing";
import Sqlite from "better-sqlite3";

interface Counted {
  path: string;
  times: number;
}

/** A sink on a SQLite file, of which this query tells how often each record is there. */
function onSqlite(query: string, { busy = false, ...more }: Partial<Subject> & { busy?: boolean } = {}): () => Subject {
  return () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-sql-"));
    const file = join(folder, "analytics.db");
    return {
      config: { type: "sqlite", connection_string: file },
      readBack() {
        if (!existsSync(file)) return [];
        const database = new Sqlite(file);
        try {
          const rows = database.prepare<[], Counted>(query).all();
          return rows.flatMap(({ path, times }) => new Array<string>(times).fill(path));
        } finally {
          database.close();
        }
      },
      ...(busy && { farEnd: lockable(file) }),
      end: () => rmSync(folder, { recursive: true, force: true }),
      ...more,
    };
  };
}

/** Busy while somebody else has the file to himself. */
function lockable(file: string): FarEnd {
  let other: Sqlite.Database | null = null;
  return {
    up() {
      other?.close();
      other = null;
    },
    throttling() {
      other = new Sqlite(file);
      other.exec("BEGIN EXCLUSIVE");
    },
  };
}

const rows = (table: string, more = {}) => onSqlite(`SELECT analytics_apiid AS path, 1 AS times FROM ${table}`, more);

/** Aggregates count nothing twice. */
const hits = (table: string, dimension: string, more = {}) =>
  onSqlite(`SELECT dimension_value AS path, counter_hits AS times FROM ${table} WHERE dimension = '${dimension}'`, {
    repeats: "none",
    ...more,
  });

const GRAPHQL: RecordInput = { isGraphql: true, graphqlOperationType: 1, graphqlRootFields: ["orders"] };
const MCP: RecordInput = { isMcp: true, mcpJsonrpcMethod: "tools/call", mcpPrimitiveType: "tool" };

const file: ConformanceFile = {
  sql: onSqlite("SELECT path, 1 AS times FROM tyk_analytics", { busy: true }),
  "sql-graph": rows("tyk_analytics_graph", { record: GRAPHQL }),
  "sql-mcp": rows("tyk_analytics_mcp", { record: MCP }),
  sql_aggregate: hits("tyk_aggregated", "apiid", { busy: true }),
  "sql-graph-aggregate": hits("tyk_graph_aggregated", "apiid", { record: GRAPHQL }),
  "sql-mcp-aggregate": hits("tyk_mcp_aggregated", "apiid", { record: MCP }),
  "sql-uptime": hits("tyk_uptime_analytics", "url"),
};

export default file;

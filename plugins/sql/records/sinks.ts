import { type AnalyticsRecord, defineSink, type SinkContext, type Static, Type } from "@sluice/sdk";
import { openDatabase } from "../database/open.ts";
import { connectionSettings } from "../database/settings.ts";
import { GRAPH, INDEXED, MCP, RECORD, type RecordColumn } from "./columns.ts";
import { Tables } from "./tables.ts";
import { RowWriter } from "./writer.ts";

const Settings = Type.Object(connectionSettings);
type Settings = Static<typeof Settings>;

const tableName = (name: string) =>
  Type.String({ default: name, minLength: 1, description: "The table, or what the tables of days begin with." });

interface Kind {
  readonly columns: readonly RecordColumn[];
  readonly indexed: readonly string[];
  readonly takes: (record: AnalyticsRecord) => boolean;
}

const DEFAULT_ROWS = 1000;

async function open(kind: Kind, table: string, { config, log }: SinkContext<Settings>): Promise<RowWriter> {
  const database = await openDatabase(config);
  try {
    const tables = new Tables(database, { name: table, columns: kind.columns, indexed: kind.indexed });
    if (!config.table_sharding) await tables.one();
    else if (config.migrate_sharded_tables) await tables.migrateDays(log);
    return new RowWriter(database, tables, {
      columns: kind.columns,
      takes: kind.takes,
      sharded: config.table_sharding,
      rows: config.batch_size || DEFAULT_ROWS,
    });
  } catch (error) {
    await database.close();
    throw error;
  }
}

const sql = defineSink({
  type: "sql",
  config: Settings,
  decodes: false,
  open: (context) =>
    open({ columns: RECORD, indexed: INDEXED, takes: ({ isMcp }) => !isMcp }, "tyk_analytics", context),
});

const graph = defineSink({
  type: "sql-graph",
  config: Type.Object(
    { ...connectionSettings, table_name: tableName("tyk_analytics_graph") },
    { env: "GRAPH_SQL_META" },
  ),
  open: (context) =>
    open({ columns: GRAPH, indexed: [], takes: ({ isGraphql }) => isGraphql }, context.config.table_name, context),
});

const mcp = defineSink({
  type: "sql-mcp",
  config: Type.Object({ ...connectionSettings, table_name: tableName("tyk_analytics_mcp") }, { env: "MCP_SQL_META" }),
  open: (context) =>
    open({ columns: MCP, indexed: [], takes: ({ isMcp }) => isMcp }, context.config.table_name, context),
});

export const rawSinks = [sql, graph, mcp];

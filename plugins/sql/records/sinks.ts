import { type AnalyticsRecord, defineSink, type SinkContext, type Static, Type } from "@sluice/sdk";
import { checkDatabase } from "../database/check.ts";
import { openDatabase } from "../database/open.ts";
import { connectionSettings } from "../database/settings.ts";
import { GRAPH, INDEXED, MCP, RECORD, type RecordColumn } from "./columns.ts";
import { rowPreview } from "./preview.ts";
import { Tables } from "./tables.ts";
import { RowWriter } from "./writer.ts";
import { Written } from "./written.ts";

const settings = {
  ...connectionSettings,
  effectively_once: Type.Boolean({
    default: false,
    description:
      "Each record has one row, however often it is delivered: what was written is noted in the table `sluice_written`, in the same transaction.",
  }),
};
const Settings = Type.Object(settings);
type Settings = Static<typeof Settings>;

const withTable = (name: string, env: string) =>
  Type.Object(
    {
      ...settings,
      table_name: Type.String({
        default: name,
        minLength: 1,
        description: "The table, or what the tables of days begin with.",
      }),
    },
    { env },
  );

interface Kind {
  readonly columns: readonly RecordColumn[];
  readonly indexed: readonly string[];
  readonly takes: (record: AnalyticsRecord) => boolean;
}

const DEFAULT_ROWS = 1000;
/** Several chunks a call: one of its own costs as much as some hundred rows, and SQLite a transaction. */
const BATCH = { records: 3000, bytes: 4 << 20, linger: 0 };

/** How long what was written is remembered. */
const REMEMBERED_SECONDS = 3 * 86_400;
const HOUR_MS = 3_600_000;

async function open(kind: Kind, table: string, context: SinkContext<Settings>): Promise<RowWriter> {
  const { config, log, name, every } = context;
  const database = await openDatabase(config);
  try {
    const tables = new Tables(database, { name: table, columns: kind.columns, indexed: kind.indexed });
    if (!config.table_sharding) await tables.one();
    else if (config.migrate_sharded_tables) await tables.migrateDays(log);
    else await tables.today().catch((error: Error) => log.warn(`There is no table for today yet: ${error.message}`));
    const written = config.effectively_once ? await Written.open(database, name) : null;
    if (written) every(HOUR_MS, () => written.forget(REMEMBERED_SECONDS));
    return new RowWriter(database, tables, {
      columns: kind.columns,
      takes: kind.takes,
      sharded: config.table_sharding,
      rows: config.batch_size || DEFAULT_ROWS,
      written,
    });
  } catch (error) {
    await database.close();
    throw error;
  }
}

const REST: Kind = { columns: RECORD, indexed: INDEXED, takes: ({ isMcp }) => !isMcp };
const GRAPHQL: Kind = { columns: GRAPH, indexed: [], takes: ({ isGraphql }) => isGraphql };
const MCP_ONLY: Kind = { columns: MCP, indexed: [], takes: ({ isMcp }) => isMcp };

const preview = ({ columns, takes }: Kind) => rowPreview(columns, takes);

const sql = defineSink({
  type: "sql",
  config: Settings,
  decodes: false,
  batch: BATCH,
  open: (context) => open(REST, "tyk_analytics", context),
  preview: () => preview(REST),
  check: ({ config }) => checkDatabase(config, "tyk_analytics"),
});

const graph = defineSink({
  type: "sql-graph",
  config: withTable("tyk_analytics_graph", "GRAPH_SQL_META"),
  batch: BATCH,
  open: (context) => open(GRAPHQL, context.config.table_name, context),
  preview: () => preview(GRAPHQL),
  check: ({ config }) => checkDatabase(config, config.table_name),
});

const mcp = defineSink({
  type: "sql-mcp",
  config: withTable("tyk_analytics_mcp", "MCP_SQL_META"),
  batch: BATCH,
  open: (context) => open(MCP_ONLY, context.config.table_name, context),
  preview: () => preview(MCP_ONLY),
  check: ({ config }) => checkDatabase(config, config.table_name),
});

export const rawSinks = [sql, graph, mcp];

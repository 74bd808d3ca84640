import { defineSink, type Static, Type } from "@sluice/sdk";
import { type AggregateKind, type AggregateRules, Aggregation } from "@sluice/sdk/aggregate";
import { checkDatabase } from "../database/check.ts";
import { openDatabase } from "../database/open.ts";
import { connectionSettings } from "../database/settings.ts";
import { dropMarks } from "../watermarks/table.ts";
import { AggregateGather } from "./gather.ts";
import { GatherSize } from "./gather-size.ts";
import { counterPreview } from "./preview.ts";
import { AggregateStore } from "./store.ts";
import { tableName } from "./table.ts";

const Config = Type.Object({
  ...connectionSettings,
  track_all_paths: Type.Boolean({
    default: false,
    description: "Counts the paths of all records, not only of those that ask for it (`sql_aggregate` only).",
  }),
  ignore_tag_prefix_list: Type.Array(Type.String(), {
    default: [],
    description: "Tags that begin so are not counted (`sql_aggregate` only). Those that begin with `key-` never are.",
  }),
  threshold_len_tag_list: Type.Integer({ default: 0, description: "Accepted; rows have no list of tags." }),
  store_analytics_per_minute: Type.Boolean({
    default: false,
    description: "A row for each minute instead of each hour.",
  }),
  ignore_aggregations: Type.Array(Type.String(), {
    default: [],
    env: "IGNOREAGGREGATIONSLIST",
    description: "Accepted; all dimensions are written, as in Tyk Pump.",
  }),
  omit_index_creation: Type.Boolean({
    default: false,
    description: "Makes no index on dimension, time, organisation and value.",
  }),
});

const HOUR_MS = 3_600_000;
/** A chunk that was delivered does not come again after so long. */
const KEEP_MARKS_SECONDS = 14 * 86_400;
/** What a written aggregation may have grown to, to be used again for its memory. */
const MOST_SPARE_BYTES = 64 << 20;

function rulesOf(kind: AggregateKind, config: Static<typeof Config>): AggregateRules {
  return {
    kind,
    daily: config.table_sharding,
    minutes: config.store_analytics_per_minute ? 1 : 60,
    ...(kind === "rest" && {
      trackAllPaths: config.track_all_paths,
      ignoreTagPrefixes: config.ignore_tag_prefix_list,
    }),
  };
}

/** Adds records up by hour, organisation (or API) and dimension. */
const aggregate = (type: string, kind: AggregateKind) =>
  defineSink({
    type,
    config: Config,
    decodes: false,
    check: ({ config }) => checkDatabase(config, tableName(kind)),
    preview: ({ config }) => counterPreview(rulesOf(kind, config)),
    // The more records a gather has, the fewer rows the database writes a record.
    gather: { ms: 4000, quiet: 1000, records: 1_000_000 },
    async open({ config, name, log, every }) {
      const database = await openDatabase(config);
      const daily = config.table_sharding;
      const index = kind !== "graphql" && !config.omit_index_creation && !(kind === "mcp" && daily);
      const store = new AggregateStore(database, { kind, daily, index, rows: config.batch_size || 1000 });
      try {
        await store.open(config.migrate_sharded_tables, log);
      } catch (error) {
        await database.close();
        throw error;
      }
      // Records need not wait for it.
      const indexed = store.index().catch((error: Error) => {
        log.warn(`the index on the dimensions cannot be made, queries will be slow: ${error.message}`);
      });
      every(HOUR_MS, () => dropMarks(database, database.dialect, name, KEEP_MARKS_SECONDS));
      const rules = rulesOf(kind, config);
      // One is filled while another is written.
      let spare: Aggregation | null = null;
      const take = () => {
        const aggregation = spare ?? new Aggregation(rules);
        spare = null;
        return aggregation;
      };
      const give = (aggregation: Aggregation) => {
        if (aggregation.bytes > MOST_SPARE_BYTES) return;
        aggregation.clear();
        spare = aggregation;
      };
      const place = { store, sink: name, size: new GatherSize(), give };
      return {
        gather: () => new AggregateGather(place, take()),
        async close() {
          await Promise.all([indexed, database.close()]);
        },
      };
    },
  });

export const aggregateSinks = [
  aggregate("sql_aggregate", "rest"),
  aggregate("sql-graph-aggregate", "graphql"),
  aggregate("sql-mcp-aggregate", "mcp"),
];

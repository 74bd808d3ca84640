import { type Static, Type } from "@sluice/sdk";

const CustomMetric = Type.Object({
  name: Type.Optional(Type.String({ description: "Name of the metric." })),
  help: Type.Optional(Type.String({ alias: ["description"], description: "Its HELP text." })),
  metric_type: Type.Optional(Type.String({ description: "`counter`, or `histogram` of the request time." })),
  labels: Type.Optional(Type.Array(Type.String(), { description: "Names of its labels." })),
  buckets: Type.Optional(
    Type.Array(Type.Number(), {
      description: "Histogram: upper bounds of the buckets, ms; empty: those of `tyk_latency`.",
    }),
  ),
  obfuscate_api_keys: Type.Optional(Type.Boolean({ description: "Show only the end of keys." })),
  obfuscate_api_keys_length: Type.Optional(
    Type.Integer({ description: "How many bytes of a key's end are shown; 0: 4. A key that is no longer is `--`." }),
  ),
  mcp_only: Type.Optional(Type.Boolean({ description: "Count MCP records only." })),
});
export type CustomMetric = Static<typeof CustomMetric>;

export const Config = Type.Object({
  listen_address: Type.String({
    env: "ADDR",
    minLength: 1,
    description: "Where Prometheus comes to scrape: `host:port`, or `:port` for all addresses of the machine.",
  }),
  path: Type.String({
    default: "/metrics",
    description: "Path of the metrics. One that ends in `/` stands for all below it.",
  }),
  aggregate_observations: Type.Boolean({
    default: false,
    description:
      "Histograms get one observation a batch and label set, the mean in whole milliseconds, instead of one a record.",
  }),
  disabled_metrics: Type.Array(Type.String(), {
    default: [],
    description: "Names of base metrics that are left out.",
  }),
  track_all_paths: Type.Boolean({
    default: false,
    description: "The label `path` of all records; otherwise it is `unknown` where the API does not track the path.",
  }),
  custom_metrics: Type.Array(CustomMetric, { default: [], description: "Metrics of your own, see below." }),
  max_series: Type.Integer({
    default: 100_000,
    minimum: 100,
    maximum: 1_000_000,
    description:
      "Time series that one metric may have, as Prometheus counts them (a histogram has one for each bucket, its sum and its count). What would need more is counted by `sluice_prometheus_dropped_observations_total`.",
  }),
  meta_env_prefix: Type.Optional(
    Type.String({ env: "ENVPREFIX", description: "Prefix of the environment variables of this sink." }),
  ),
});
export type Config = Static<typeof Config>;

import { Fatal } from "@sluice/sdk";
import type { Config, CustomMetric } from "./config.ts";
import { LABELS } from "./labels.ts";
import type { MetricSpec } from "./metric.ts";

/** Milliseconds. */
const BOUNDS: readonly number[] = [
  1, 2, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10_000, 30_000,
  60_000,
];
const KEY_END = 4;
const LONGEST_KEY_END = 256;
const MOST_BUCKETS = 200;
const LATENCY = "tyk_latency";
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

const counter = { type: "counter", types: [], bounds: [], keyEnd: undefined, mcpOnly: false } as const;

/** What Tyk Pump counts without being told to. */
const BASE: readonly MetricSpec[] = [
  { ...counter, name: "tyk_http_status", help: "HTTP status codes per API", labels: ["code", "api"] },
  {
    ...counter,
    name: "tyk_http_status_per_path",
    help: "HTTP status codes per API path and method",
    labels: ["code", "api", "path", "method"],
  },
  { ...counter, name: "tyk_http_status_per_key", help: "HTTP status codes per API key", labels: ["code", "key"] },
  {
    ...counter,
    name: "tyk_http_status_per_oauth_client",
    help: "HTTP status codes per oAuth client id",
    labels: ["code", "client_id"],
  },
  {
    name: LATENCY,
    help: "Latency added by Tyk, Total Latency, upstream latency, and gateway latency per API",
    type: "histogram",
    labels: ["api"],
    types: ["total", "upstream", "gateway"],
    bounds: BOUNDS,
    keyEnd: undefined,
    mcpOnly: false,
  },
];

/**
 * The metrics of a configuration. Throws Fatal, with the metric's name, for one that could never be exposed. A type that does not
 * exist leaves out that one metric, as in Tyk Pump: `refused` is told.
 */
export function metricSpecs(config: Config, refused: (message: string) => void): MetricSpec[] {
  const specs = BASE.filter(({ name }) => !config.disabled_metrics.includes(name));
  for (const [i, metric] of config.custom_metrics.entries()) {
    const { metric_type: type } = metric;
    if (type === "counter" || type === "histogram") specs.push(customSpec(metric, type, i));
    else
      refused(
        `The custom metric ${named(metric, i)} is left out: its metric_type is ${JSON.stringify(type ?? "")}; write "counter" or "histogram".`,
      );
  }
  refuseSharedNames(specs);
  return specs;
}

function customSpec(metric: CustomMetric, type: MetricSpec["type"], i: number): MetricSpec {
  const { name = "", help = "", labels: given = [], buckets = [] } = metric;
  const fault = (what: string) => new Fatal(`The custom metric ${named(metric, i)} ${what}`);
  if (!NAME.test(name))
    throw fault("has no valid name: letters, digits, _ and : are allowed, and it must not begin with a digit.");
  const labels = type === "histogram" ? given.filter((label) => label !== "type") : given;
  for (const [at, label] of labels.entries()) {
    if (!LABELS.includes(label))
      throw fault(`has the label ${JSON.stringify(label)}, which does not exist. There are: ${LABELS.join(", ")}.`);
    if (labels.indexOf(label) !== at) throw fault(`has the label ${label} twice: remove one.`);
  }
  const bounds = [...new Set(buckets)].filter(Number.isFinite).sort((a, b) => a - b);
  if (bounds.length > MOST_BUCKETS) throw fault(`has ${bounds.length} buckets: at most ${MOST_BUCKETS} are allowed.`);
  return {
    name,
    help,
    type,
    labels,
    types: type === "counter" ? [] : name === LATENCY ? ["total", "upstream", "gateway"] : ["total"],
    bounds: type === "counter" ? [] : bounds.length > 0 ? bounds : BOUNDS,
    keyEnd: metric.obfuscate_api_keys
      ? Math.min(LONGEST_KEY_END, Math.max(0, metric.obfuscate_api_keys_length || KEY_END))
      : undefined,
    mcpOnly: metric.mcp_only ?? false,
  };
}

function named({ name }: CustomMetric, i: number): string {
  return name ? JSON.stringify(name) : `custom_metrics[${i}]`;
}

/** A histogram's lines have names of their own. */
function linesOf({ name, type }: MetricSpec): string[] {
  return type === "counter" ? [name] : [name, `${name}_bucket`, `${name}_sum`, `${name}_count`];
}

function refuseSharedNames(specs: readonly MetricSpec[]): void {
  const owners = new Map<string, string>();
  for (const spec of specs) {
    for (const line of linesOf(spec)) {
      const owner = owners.get(line);
      if (owner !== undefined || /^(process_|sluice_)/.test(line))
        throw new Fatal(
          `Two metrics would be exposed as ${line}${owner === undefined ? "" : ` (${owner} and ${spec.name})`}: give the custom metric another name, or name the base metric in disabled_metrics.`,
        );
      owners.set(line, spec.name);
    }
  }
}

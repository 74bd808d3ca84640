/** Writes the Grafana dashboard, deploy/grafana/sluice.json: what to look at, in the order of a record's way. */
import { writeFileSync } from "node:fs";

interface Panel {
  title: string;
  /** Expression by legend. */
  lines: { [legend: string]: string };
  unit: string;
}

const SINK = '{instance=~"$instance",sink=~"$sink"}';
const INSTANCE = '{instance=~"$instance"}';
const rate = (metric: string, filter = SINK) => `sum by (sink) (rate(${metric}${filter}[$__rate_interval]))`;
const worst = (metric: string) => `max by (sink) (${metric}${SINK})`;
const percentile = (share: number) =>
  `histogram_quantile(${share}, sum by (le, sink) (rate(sluice_batch_duration_seconds_bucket${SINK}[$__rate_interval])))`;

const ROWS: { [row: string]: Panel[] } = {
  Records: [
    { title: "Delivered", lines: { "{{sink}}": rate("sluice_sink_delivered_records_total") }, unit: "rps" },
    {
      title: "Claimed",
      lines: {
        "{{list}}": `sum by (list) (rate(sluice_claimed_records_total${INSTANCE}[$__rate_interval]))`,
      },
      unit: "rps",
    },
    {
      title: "Age of the oldest record not delivered",
      lines: { "{{sink}}": worst("sluice_sink_lag_seconds") },
      unit: "s",
    },
    { title: "Records not delivered", lines: { "{{sink}}": worst("sluice_sink_lag_records") }, unit: "short" },
  ],
  Log: [
    {
      title: "Backlog in Redis",
      lines: { backlog: `max(sluice_backlog_bytes${INSTANCE})`, limit: `max(sluice_backlog_limit_bytes${INSTANCE})` },
      unit: "bytes",
    },
    {
      title: "Still in the gateway's lists",
      lines: { "{{list}}": `max by (list) (sluice_live_records${INSTANCE})` },
      unit: "short",
    },
    { title: "On disk", lines: { "{{sink}}": `sum by (sink) (sluice_sink_spool_records${SINK})` }, unit: "short" },
    { title: "Dropped", lines: { "{{sink}}": rate("sluice_sink_dropped_records_total") }, unit: "rps" },
  ],
  Sinks: [
    { title: "Ready", lines: { "{{sink}}": `min by (sink) (sluice_sink_ready${SINK})` }, unit: "bool_yes_no" },
    {
      title: "From hand-over to settlement",
      lines: { "{{sink}} p50": percentile(0.5), "{{sink}} p99": percentile(0.99) },
      unit: "s",
    },
    { title: "Tried again", lines: { "{{sink}}": rate("sluice_sink_retries_total") }, unit: "ops" },
    { title: "Dead letters", lines: { "{{sink}}": rate("sluice_sink_dead_letter_records_total") }, unit: "rps" },
    { title: "CPU", lines: { "{{sink}}": rate("sluice_sink_cpu_seconds_total") }, unit: "percentunit" },
    {
      title: "Memory",
      lines: {
        "{{sink}} heap": `sum by (sink) (sluice_actor_heap_bytes${SINK})`,
        "{{sink}} buffers": `sum by (sink) (sluice_actor_external_bytes${SINK})`,
      },
      unit: "bytes",
    },
    { title: "Restarts", lines: { "{{sink}}": rate("sluice_sink_restarts_total") }, unit: "ops" },
    {
      title: "Sinks that nobody configures",
      lines: { "{{sink}}": `max by (sink) (sluice_orphan_sink${INSTANCE})` },
      unit: "short",
    },
  ],
  Process: [
    {
      title: "CPU",
      lines: { "{{instance}}": `rate(process_cpu_seconds_total${INSTANCE}[$__rate_interval])` },
      unit: "percentunit",
    },
    { title: "Resident memory", lines: { "{{instance}}": `process_resident_memory_bytes${INSTANCE}` }, unit: "bytes" },
    {
      title: "Event loop lag, p99",
      lines: { "{{instance}}": `nodejs_eventloop_lag_p99_seconds${INSTANCE}` },
      unit: "s",
    },
    {
      title: "Services up",
      lines: { "{{check}}": `min by (check) (sluice_uptime_up${INSTANCE})` },
      unit: "bool_yes_no",
    },
  ],
};

const WIDTH = 6;
const HEIGHT = 7;
const SOURCE = { type: "prometheus", uid: "$datasource" };

export function dashboard(): object {
  let id = 0;
  let y = 0;
  const panels = Object.entries(ROWS).flatMap(([title, row]) => {
    const header = {
      id: ++id,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
      panels: [],
    };
    const shown = row.map(({ title: name, lines, unit }, i) => ({
      id: ++id,
      type: "timeseries",
      title: name,
      datasource: SOURCE,
      gridPos: { x: (i % 4) * WIDTH, y: y + Math.floor(i / 4) * HEIGHT, w: WIDTH, h: HEIGHT },
      fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 8, showPoints: "never" } }, overrides: [] },
      options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
      targets: Object.entries(lines).map(([legendFormat, expr], j) => ({
        refId: String.fromCharCode(65 + j),
        datasource: SOURCE,
        expr,
        legendFormat,
      })),
    }));
    y += Math.ceil(row.length / 4) * HEIGHT;
    return [header, ...shown];
  });
  const variable = (name: string, label: string, metric: string) => ({
    ...{ name, label, type: "query", datasource: SOURCE, query: `label_values(${metric}, ${name})`, refresh: 2 },
    ...{ includeAll: true, multi: true, current: { text: "All", value: "$__all" } },
  });
  return {
    title: "Sluice",
    uid: "sluice",
    tags: ["sluice"],
    schemaVersion: 39,
    editable: true,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [
        { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
        variable("instance", "Instance", "sluice_log_up"),
        variable("sink", "Sink", "sluice_sink_ready"),
      ],
    },
    panels,
  };
}

if (import.meta.main) {
  writeFileSync(new URL("../deploy/grafana/sluice.json", import.meta.url), `${JSON.stringify(dashboard(), null, 2)}\n`);
}

import type { PluginMetric } from "../supervisor/plugin-metrics.ts";
import {
  type BacklogState,
  LATENCY_BOUNDS_MS,
  type SinkState,
  type SinkStatus,
  type Status,
} from "../supervisor/status.ts";
import { UPTIME_FAMILIES } from "./uptime-families.ts";

/** One time series of a family. `name` only where it differs from the family's (histograms). */
export interface Sample {
  name?: string;
  labels: { [label: string]: string };
  value: number;
}

/** A metric family computed from one snapshot. */
export interface Family<S = Status> {
  name: string;
  help: string;
  type: "counter" | "gauge" | "histogram";
  samples: (snapshot: S) => Sample[];
}

const STATES: readonly SinkState[] = ["starting", "opening", "open", "draining", "restarting", "suspended", "stopped"];

const BACKLOG_STATES: readonly BacklogState[] = ["ok", "spooling", "dropping", "holding"];

const one = (value: (status: Status) => number) => (status: Status) => [{ labels: {}, value: value(status) }];

const eachSink = (value: (sink: SinkStatus) => number) => (status: Status) =>
  status.sinks.map((sink) => ({ labels: { sink: sink.name }, value: value(sink) }));

/** A plugin's own metrics: their names are the plugin's, so they are labels. */
const eachPluginMetric =
  (kind: PluginMetric["kind"], value: (metric: PluginMetric) => number = (metric) => metric.value) =>
  (status: Status) =>
    status.sinks.flatMap((sink) =>
      sink.metrics
        .filter((metric) => metric.kind === kind)
        .map((metric) => ({ labels: { sink: sink.name, metric: metric.name }, value: value(metric) })),
    );

const eachActor = (value: (actor: SinkStatus["actors"][number]) => number) => (status: Status) =>
  status.sinks.flatMap((sink) =>
    sink.actors.map((actor) => ({ labels: { sink: sink.name, actor: String(actor.actor) }, value: value(actor) })),
  );

/** Everything of /metrics that is computed from the status. */
export const FAMILIES: readonly Family[] = [
  {
    name: "sluice_start_time_seconds",
    help: "When this process started to drain, seconds since 1970.",
    type: "gauge",
    samples: one((s) => s.startedAt / 1000),
  },
  {
    name: "sluice_log_up",
    help: "1 while the delivery log is within reach, else 0.",
    type: "gauge",
    samples: one((s) => (s.logError === null ? 1 : 0)),
  },
  {
    name: "sluice_backlog_bytes",
    help: "Bytes of claimed records that at least one sink still needs.",
    type: "gauge",
    samples: one((s) => s.backlog.bytes),
  },
  {
    name: "sluice_backlog_records",
    help: "Claimed records that at least one sink still needs.",
    type: "gauge",
    samples: one((s) => s.backlog.records),
  },
  {
    name: "sluice_backlog_limit_bytes",
    help: "At so many the sink furthest behind pays; 0: there is no limit.",
    type: "gauge",
    samples: one((s) => s.backlog.limit),
  },
  {
    name: "sluice_backlog_holding",
    help: "1 while the backlog is above its limit and all of it is kept, else 0.",
    type: "gauge",
    samples: one((s) => (s.backlog.holding === null ? 0 : 1)),
  },
  {
    name: "sluice_orphan_sink",
    help: "1 for each sink that the log keeps records for and no instance configures.",
    type: "gauge",
    samples: (s) => s.backlog.orphans.map((sink) => ({ labels: { sink }, value: 1 })),
  },
  {
    name: "sluice_slab_bytes",
    help: "Shared memory allotted to batches on their way to the sinks.",
    type: "gauge",
    samples: one((s) => s.slabs.bytes),
  },
  {
    name: "sluice_slab_pinned_bytes",
    help: "The part of it that sinks hold.",
    type: "gauge",
    samples: one((s) => s.slabs.pinned),
  },
  {
    name: "sluice_claimed_records_total",
    help: "Records cut off the gateway's list by this process.",
    type: "counter",
    samples: (s) => s.lists.map((list) => ({ labels: { list: list.name }, value: list.claimed })),
  },
  {
    name: "sluice_live_records",
    help: "Records still in the gateway's list, as last seen.",
    type: "gauge",
    samples: (s) => s.lists.map((list) => ({ labels: { list: list.name }, value: list.live })),
  },
  {
    name: "sluice_sink_delivered_records_total",
    help: "Records that the sink is done with: written, filtered, skipped or set aside.",
    type: "counter",
    samples: eachSink((s) => s.delivered),
  },
  {
    name: "sluice_sink_delivered_bytes_total",
    help: "Bytes of the records acknowledged for the sink, as the gateway wrote them.",
    type: "counter",
    samples: eachSink((s) => s.deliveredBytes),
  },
  {
    name: "sluice_sink_written_records_total",
    help: "Records that the sink wrote.",
    type: "counter",
    samples: eachSink((s) => s.written),
  },
  {
    name: "sluice_sink_filtered_records_total",
    help: "Records left out by the filters of the sink's configuration.",
    type: "counter",
    samples: eachSink((s) => s.filtered),
  },
  {
    name: "sluice_sink_skipped_records_total",
    help: "Records left out by the sink's own rule, such as another kind of record.",
    type: "counter",
    samples: eachSink((s) => s.skipped),
  },
  {
    name: "sluice_sink_dead_letter_records_total",
    help: "Records set aside because the sink will never take them.",
    type: "counter",
    samples: eachSink((s) => s.deadLettered),
  },
  {
    name: "sluice_sink_redelivered_records_total",
    help: "Records given to the sink again, because an actor ended or a gather was dropped.",
    type: "counter",
    samples: eachSink((s) => s.redelivered),
  },
  {
    name: "sluice_sink_retries_total",
    help: "Calls of the sink that were tried again.",
    type: "counter",
    samples: eachSink((s) => s.retries),
  },
  {
    name: "sluice_sink_restarts_total",
    help: "Times an actor of the sink was started again.",
    type: "counter",
    samples: eachSink((s) => s.restarts),
  },
  {
    name: "sluice_sink_lag_records",
    help: "Claimed records that the sink has not acknowledged.",
    type: "gauge",
    samples: eachSink((s) => s.lag.records),
  },
  {
    name: "sluice_sink_lag_chunks",
    help: "Chunks that the sink has not acknowledged.",
    type: "gauge",
    samples: eachSink((s) => s.lag.chunks),
  },
  {
    name: "sluice_sink_lag_seconds",
    help: "Age of the oldest chunk that the sink has not acknowledged; 0 if none.",
    type: "gauge",
    samples: eachSink((s) => s.lag.oldestMs / 1000),
  },
  {
    name: "sluice_sink_held_records",
    help: "Records in the sink's hands: taken and not yet acknowledged.",
    type: "gauge",
    samples: eachSink((s) => s.held.records),
  },
  {
    name: "sluice_sink_held_chunks",
    help: "Chunks in the sink's hands.",
    type: "gauge",
    samples: eachSink((s) => s.held.chunks),
  },
  {
    name: "sluice_sink_ready",
    help: "1 while the sink takes records, else 0; /readyz has the reason.",
    type: "gauge",
    samples: eachSink((s) => (s.ready ? 1 : 0)),
  },
  {
    name: "sluice_sink_state",
    help: "1 for the state that the sink is in, 0 for the others.",
    type: "gauge",
    samples: (status) =>
      status.sinks.flatMap((sink) =>
        STATES.map((state) => ({ labels: { sink: sink.name, state }, value: sink.state === state ? 1 : 0 })),
      ),
  },
  {
    name: "sluice_sink_backlog_state",
    help: "1 for what becomes of the sink's backlog (ok, spooling, dropping, holding), 0 for the others.",
    type: "gauge",
    samples: (status) =>
      status.sinks.flatMap((sink) =>
        BACKLOG_STATES.map((state) => ({
          labels: { sink: sink.name, state },
          value: sink.backlog.state === state ? 1 : 0,
        })),
      ),
  },
  {
    name: "sluice_sink_spool_records",
    help: "Records that wait for the sink on this instance's disk.",
    type: "gauge",
    samples: eachSink((s) => s.backlog.waiting.records),
  },
  {
    name: "sluice_sink_spool_bytes",
    help: "Bytes of these records.",
    type: "gauge",
    samples: eachSink((s) => s.backlog.waiting.bytes),
  },
  {
    name: "sluice_sink_spooled_records_total",
    help: "Records of the sink that were moved from Redis to this instance's disk.",
    type: "counter",
    samples: eachSink((s) => s.backlog.spooled),
  },
  {
    name: "sluice_sink_dropped_records_total",
    help: "Records of the sink that were dropped because the backlog was at its limit.",
    type: "counter",
    samples: eachSink((s) => s.backlog.dropped),
  },
  {
    name: "sluice_batch_duration_seconds",
    help: "From handing a piece of a chunk to the sink until it is settled, tries and waits included.",
    type: "histogram",
    samples: (status) => status.sinks.flatMap(latencySamples),
  },
  {
    name: "sluice_plugin_counter_total",
    help: "A counter of the plugin's own, named by the label `metric`.",
    type: "counter",
    samples: eachPluginMetric("counter"),
  },
  {
    name: "sluice_plugin_gauge",
    help: "A gauge of the plugin's own, summed over its actors.",
    type: "gauge",
    samples: eachPluginMetric("gauge"),
  },
  {
    name: "sluice_plugin_observations_total",
    help: "How many values a histogram of the plugin's own has seen.",
    type: "counter",
    samples: eachPluginMetric("histogram", (metric) => metric.count),
  },
  {
    name: "sluice_plugin_observations_sum",
    help: "The sum of those values.",
    type: "gauge",
    samples: eachPluginMetric("histogram"),
  },
  {
    name: "sluice_sink_cpu_seconds_total",
    help: "CPU time of all threads that ran for the sink.",
    type: "counter",
    samples: eachSink((s) => s.cpuSeconds),
  },
  {
    name: "sluice_actor_heap_bytes",
    help: "JavaScript heap in use in the sink's thread.",
    type: "gauge",
    samples: eachActor((a) => a.heapBytes),
  },
  {
    name: "sluice_actor_external_bytes",
    help: "Memory outside the heap (buffers) of the sink's thread.",
    type: "gauge",
    samples: eachActor((a) => a.externalBytes),
  },
  {
    name: "sluice_actor_event_loop_utilization_ratio",
    help: "Share of the last second in which the sink's thread was busy, 0 to 1.",
    type: "gauge",
    samples: eachActor((a) => a.eventLoopUse),
  },
  ...UPTIME_FAMILIES,
];

function latencySamples({ name: sink, latency }: SinkStatus): Sample[] {
  const buckets = [...LATENCY_BOUNDS_MS, Number.POSITIVE_INFINITY].map((bound, i) => {
    const le = Number.isFinite(bound) ? String(bound / 1000) : "+Inf";
    return { name: "sluice_batch_duration_seconds_bucket", labels: { sink, le }, value: latency.counts[i] ?? 0 };
  });
  return [
    ...buckets,
    { name: "sluice_batch_duration_seconds_sum", labels: { sink }, value: latency.sumMs / 1000 },
    { name: "sluice_batch_duration_seconds_count", labels: { sink }, value: latency.count },
  ];
}

import type { Family, Sample } from "./families.ts";
import { type Collections, GC_BOUNDS, type Lag, type ProcessState } from "./process.ts";

type Value = (process: ProcessState) => number | undefined;

function single(type: "counter" | "gauge", name: string, help: string, value: Value): Family<ProcessState> {
  const samples = (process: ProcessState): Sample[] => {
    const known = value(process);
    return known === undefined ? [] : [{ labels: {}, value: known }];
  };
  return { name, help, type, samples };
}

const lag = (name: string, help: string, of: keyof Lag) =>
  single("gauge", `nodejs_eventloop_lag${name}_seconds`, help, (process) => process.lag[of]);

const spaces = (of: "total" | "used" | "available"): Family<ProcessState> => ({
  name: `nodejs_heap_space_size_${of}_bytes`,
  help: `Process heap space size ${of} from Node.js in bytes.`,
  type: "gauge",
  samples: (process) => process.spaces.map((one) => ({ labels: { space: one.space }, value: one[of] })),
});

const [major, minor, patch] = process.versions.node.split(".") as [string, string, string];

/** Of the process itself, under the names that libraries for Node.js give them, so that dashboards fit. */
export const PROCESS_FAMILIES: readonly Family<ProcessState>[] = [
  single("counter", "process_cpu_user_seconds_total", "Total user CPU time spent in seconds.", (p) => p.cpu.user),
  single("counter", "process_cpu_system_seconds_total", "Total system CPU time spent in seconds.", (p) => p.cpu.system),
  single(
    "counter",
    "process_cpu_seconds_total",
    "Total user and system CPU time spent in seconds.",
    (p) => p.cpu.user + p.cpu.system,
  ),
  single(
    "gauge",
    "process_start_time_seconds",
    "Start time of the process since unix epoch in seconds.",
    (p) => p.startedAt,
  ),
  single("gauge", "process_resident_memory_bytes", "Resident memory size in bytes.", (p) => p.memory?.resident),
  single("gauge", "process_virtual_memory_bytes", "Virtual memory size in bytes.", (p) => p.memory?.virtual),
  single("gauge", "process_heap_bytes", "Process heap size in bytes.", (p) => p.memory?.data),
  single("gauge", "process_open_fds", "Number of open file descriptors.", (p) => p.files?.open),
  single("gauge", "process_max_fds", "Maximum number of open file descriptors.", (p) => p.files?.most),
  lag("", "Lag of event loop in seconds.", "atOnce"),
  lag("_min", "The minimum recorded event loop delay.", "min"),
  lag("_max", "The maximum recorded event loop delay.", "max"),
  lag("_mean", "The mean of the recorded event loop delays.", "mean"),
  lag("_stddev", "The standard deviation of the recorded event loop delays.", "stddev"),
  lag("_p50", "The 50th percentile of the recorded event loop delays.", "p50"),
  lag("_p90", "The 90th percentile of the recorded event loop delays.", "p90"),
  lag("_p99", "The 99th percentile of the recorded event loop delays.", "p99"),
  {
    name: "nodejs_active_resources",
    help: "Number of active resources that are currently keeping the event loop alive, grouped by async resource type.",
    type: "gauge",
    samples: ({ resources }) => [...resources].map(([type, value]) => ({ labels: { type }, value })),
  },
  single("gauge", "nodejs_active_resources_total", "Total number of active resources.", ({ resources }) =>
    [...resources.values()].reduce((sum, count) => sum + count, 0),
  ),
  single("gauge", "nodejs_heap_size_total_bytes", "Process heap size from Node.js in bytes.", (p) => p.heap.total),
  single("gauge", "nodejs_heap_size_used_bytes", "Process heap size used from Node.js in bytes.", (p) => p.heap.used),
  single("gauge", "nodejs_external_memory_bytes", "Node.js external memory size in bytes.", (p) => p.heap.external),
  spaces("total"),
  spaces("used"),
  spaces("available"),
  {
    name: "nodejs_version_info",
    help: "Node.js version info.",
    type: "gauge",
    samples: () => [{ labels: { version: process.version, major, minor, patch }, value: 1 }],
  },
  {
    name: "nodejs_gc_duration_seconds",
    help: "Garbage collection duration by kind, one of major, minor, incremental or weakcb.",
    type: "histogram",
    samples: ({ collections }) => collections.flatMap(collectionSamples),
  },
];

function collectionSamples({ kind, upTo, seconds }: Collections): Sample[] {
  const name = "nodejs_gc_duration_seconds";
  return [
    ...upTo.map((value, i) => {
      return {
        name: `${name}_bucket`,
        labels: { kind, le: i < GC_BOUNDS.length ? String(GC_BOUNDS[i]) : "+Inf" },
        value,
      };
    }),
    { name: `${name}_sum`, labels: { kind }, value: seconds },
    { name: `${name}_count`, labels: { kind }, value: upTo.at(-1)! },
  ];
}

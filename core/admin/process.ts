import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { constants, createHistogram, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";

/** What this process used, at one moment. Sizes in bytes, times in seconds. */
export interface ProcessState {
  cpu: { user: number; system: number };
  startedAt: number;
  /** Null where the system does not tell. */
  memory: { resident: number; virtual: number; data: number } | null;
  files: { open: number; most: number } | null;
  heap: { total: number; used: number; external: number };
  spaces: { space: string; total: number; used: number; available: number }[];
  /** What keeps the event loop alive, by type. */
  resources: ReadonlyMap<string, number>;
  /** Since the look before. */
  lag: Lag;
  collections: readonly Collections[];
}

/** By how much the event loop came later than it was asked to, seconds. */
export interface Lag {
  /** Of what was to be done at once, at the look before. */
  atOnce: number;
  min: number;
  max: number;
  mean: number;
  stddev: number;
  p50: number;
  p90: number;
  p99: number;
}

/** Of one kind. `upTo`: how many took at most as long as the bound in GC_BOUNDS, the last for all. */
export interface Collections {
  kind: string;
  upTo: number[];
  seconds: number;
}

/** Seconds. */
export const GC_BOUNDS = [0.001, 0.01, 0.1, 1, 2, 5] as const;

const GC_KINDS: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);

/** How often the lag is measured. Each time wakes the process: every 10 ms would cost more CPU than a scrape each second. */
const LAG_MS = 250;
const LONGEST_LAG_MS = 60_000;

/** Measures from now on; the result looks. */
export function watchProcess(): () => ProcessState {
  const startedAt = Math.round(Date.now() / 1000 - process.uptime());
  const most = mostFiles();
  const lag = watchLag();
  const collections = watchCollections();
  return () => {
    const { user, system } = process.cpuUsage();
    // Not process.memoryUsage(), which reads a file for the resident size.
    const heap = getHeapStatistics();
    return {
      cpu: { user: user / 1e6, system: system / 1e6 },
      startedAt,
      memory: memoryOf(),
      files: most === null ? null : { open: openFiles(), most },
      heap: { total: heap.total_heap_size, used: heap.used_heap_size, external: heap.external_memory },
      spaces: getHeapSpaceStatistics().map((one) => ({
        space: one.space_name.slice(0, -"_space".length),
        total: one.space_size,
        used: one.space_used_size,
        available: one.space_available_size,
      })),
      resources: countOf(process.getActiveResourcesInfo()),
      lag: lag(),
      collections,
    };
  };
}

function watchLag(): () => Lag {
  // Microseconds. That of monitorEventLoopDelay() is so wide that to read it takes a third of a millisecond.
  const histogram = createHistogram({ lowest: 1, highest: LONGEST_LAG_MS * 1000, figures: 2 });
  const seconds = (microseconds: number) => microseconds / 1e6;
  let before = performance.now();
  let atOnce = 0;
  setInterval(() => {
    const now = performance.now();
    const late = now - before - LAG_MS;
    before = now;
    histogram.record(Math.ceil(1000 * Math.min(LONGEST_LAG_MS, Math.max(0.001, late))));
  }, LAG_MS).unref();
  return () => {
    const asked = performance.now();
    setImmediate(() => {
      atOnce = (performance.now() - asked) / 1000;
    });
    const { count, min, max, mean, stddev } = histogram;
    if (count === 0) return { atOnce, min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 };
    const [p50, p90, p99] = [50, 90, 99].map((percent) => seconds(histogram.percentile(percent)));
    const all = { atOnce, min: seconds(min), max: seconds(max), mean: seconds(mean), stddev: seconds(stddev) };
    histogram.reset();
    return { ...all, p50: p50!, p90: p90!, p99: p99! };
  };
}

function watchCollections(): readonly Collections[] {
  const all: Collections[] = [];
  const observer = new PerformanceObserver((list) => {
    // The types know no entry with a detail.
    for (const { duration, detail } of list.getEntries() as (PerformanceEntry & { detail: { kind: number } })[]) {
      const kind = GC_KINDS.get(detail.kind) ?? "other";
      let one = all.find((collections) => collections.kind === kind);
      if (!one) all.push((one = { kind, upTo: new Array<number>(GC_BOUNDS.length + 1).fill(0), seconds: 0 }));
      const seconds = duration / 1000;
      for (const [i, bound] of GC_BOUNDS.entries()) if (seconds <= bound) one.upTo[i]!++;
      one.upTo[GC_BOUNDS.length]!++;
      one.seconds += seconds;
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return all;
}

/** proc(5). */
function memoryOf(): ProcessState["memory"] {
  const text = readProc("/proc/self/status");
  const of = (name: string) => 1024 * Number.parseInt(text.slice(text.indexOf(name) + name.length), 10);
  return text === "" ? null : { resident: of("VmRSS:"), virtual: of("VmSize:"), data: of("VmData:") };
}

function mostFiles(): number | null {
  const most = /^Max open files\s+(\d+)/m.exec(readProc("/proc/self/limits"))?.[1];
  return most === undefined ? null : Number(most);
}

/** But for the one that is needed to look. */
function openFiles(): number {
  return readdirSync("/proc/self/fd").length - 1;
}

/** Such a file tells no size: readFileSync would take six times as long. Empty where there is none, as on other systems. */
function readProc(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const bytes = Buffer.allocUnsafe(4096);
    return bytes.latin1Slice(0, readSync(file, bytes, 0, bytes.length, 0));
  } catch {
    return "";
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function countOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

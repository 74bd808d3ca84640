/**
 * Measures against bars, on a Redis of its own: `npm run bench`, or `npm run bench -- drain csv`. Each figure is the median
 * of several runs, and none is given unless every record arrived.
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { Backlog } from "./backlog.ts";
import { runPump } from "./pump.ts";
import { aggregate } from "./scenarios/aggregate.ts";
import { csv } from "./scenarios/csv.ts";
import { drain } from "./scenarios/drain.ts";
import { growth } from "./scenarios/growth.ts";
import { isolation } from "./scenarios/isolation.ts";
import { latency } from "./scenarios/latency.ts";
import { memory } from "./scenarios/memory.ts";
import { micro } from "./scenarios/micro.ts";
import { plugins } from "./scenarios/plugins.ts";
import { prometheus } from "./scenarios/prometheus.ts";
import { sql } from "./scenarios/sql.ts";
import { start } from "./scenarios/start.ts";
import { together } from "./scenarios/together.ts";
import { topology } from "./scenarios/topology.ts";
import { type Figure, printFigures } from "./table.ts";

const SCENARIOS: { [name: string]: (backlog: Backlog) => Promise<Figure[]> } = {
  drain,
  csv,
  prometheus,
  sql,
  aggregate,
  together,
  memory,
  start,
  latency,
  isolation,
  growth,
  topology,
  plugins,
  micro,
};

const load = () => readFileSync("/proc/loadavg", "utf8").split(" ")[0];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0)
  throw new Error(`no scenario ${unknown.join(", ")}; there are ${Object.keys(SCENARIOS).join(", ")}`);

console.log(`${cpus().length} cores of ${cpus()[0]?.model}, Node.js ${process.versions.node}`);
const backlog = await Backlog.start();
try {
  // The first process would strip the types of what changed since, which takes time and memory.
  await runPump(backlog, { csv: { type: "csv" }, count: { type: "count" } }, 10_000);
  for (const name of wanted.length > 0 ? wanted : Object.keys(SCENARIOS)) {
    const before = load();
    const began = performance.now();
    const figures = await SCENARIOS[name]!(backlog);
    const seconds = Math.round((performance.now() - began) / 1000);
    console.log(`\n${name} (${seconds} s; load average ${before} before, ${load()} after)`);
    printFigures(figures);
  }
} finally {
  await backlog.redis.stop();
}

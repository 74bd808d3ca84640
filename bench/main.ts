/**
 * Measures against bars, on a Redis of its own: `npm run bench`, or `npm run bench -- drain csv`. Each figure is the median
 * of several runs, and none is given unless every record arrived.
 *
 * `--json <file>` and `--html <file>` keep the results, `--compare <file>` says what changed since those of a file beyond noise,
 * `--rival <command>` measures another program beside this one, `{conf}` in it being the configuration (see rival.ts).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { optionsOf, wrongUse } from "../scripts/options.ts";
import { Backlog } from "./backlog.ts";
import { runPump } from "./pump.ts";
import { changes, type Results, readResults } from "./results.ts";
import { resultsPage } from "./results-page.ts";
import { aggregate } from "./scenarios/aggregate.ts";
import { csv } from "./scenarios/csv.ts";
import { drain } from "./scenarios/drain.ts";
import { growth } from "./scenarios/growth.ts";
import { instances } from "./scenarios/instances.ts";
import { isolation } from "./scenarios/isolation.ts";
import { latency } from "./scenarios/latency.ts";
import { memory } from "./scenarios/memory.ts";
import { micro } from "./scenarios/micro.ts";
import { plugins } from "./scenarios/plugins.ts";
import { prometheus } from "./scenarios/prometheus.ts";
import { rival } from "./scenarios/rival.ts";
import { scaling } from "./scenarios/scaling.ts";
import { sql } from "./scenarios/sql.ts";
import { start } from "./scenarios/start.ts";
import { together } from "./scenarios/together.ts";
import { topology } from "./scenarios/topology.ts";
import { watching } from "./scenarios/watching.ts";
import { median } from "./stats.ts";
import { type Figure, format, printFigures } from "./table.ts";

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
  scaling,
  instances,
  topology,
  plugins,
  watching,
  micro,
};

const load = () => readFileSync("/proc/loadavg", "utf8").split(" ")[0];
const text = { type: "string" } as const;
const { values: options, positionals } = optionsOf({
  allowPositionals: true,
  options: { json: text, html: text, compare: text, rival: text },
});
const { rival: command } = options;
if (command !== undefined) SCENARIOS.rival = (backlog) => rival(backlog, command);
const wanted = command !== undefined && positionals.length === 0 ? ["rival"] : positionals;
// Before hours of measuring.
const before = options.compare === undefined ? null : readResults(options.compare);
const unknown = wanted.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) wrongUse(`There is no scenario ${unknown.join(", ")}: ${Object.keys(SCENARIOS).join(", ")}.`);

const results: Results = {
  at: new Date().toISOString(),
  machine: `${cpus().length} cores of ${cpus()[0]?.model}`,
  node: process.versions.node,
  scenarios: [],
};
console.log(`${results.machine}, Node.js ${results.node}`);
const backlog = await Backlog.start();
try {
  // The first process would strip the types of what changed since, which takes time and memory.
  await runPump(backlog, { csv: { type: "csv" }, count: { type: "count" } }, 10_000);
  for (const name of wanted.length > 0 ? wanted : Object.keys(SCENARIOS)) {
    const loadBefore = load() ?? "";
    const began = performance.now();
    const figures = await SCENARIOS[name]!(backlog);
    const seconds = Math.round((performance.now() - began) / 1000);
    const loadAfter = load() ?? "";
    console.log(`\n${name} (${seconds} s; load average ${loadBefore} before, ${loadAfter} after)`);
    printFigures(figures);
    results.scenarios.push({ name, seconds, load: [loadBefore, loadAfter], figures });
  }
} finally {
  await backlog.redis.stop();
}

const changed = before === null ? [] : changes(before, results);
if (before !== null) {
  console.log(`\nchanged beyond noise since ${before.at}${changed.length === 0 ? ": nothing" : ""}`);
  for (const { scenario, name, before: was, now } of changed) {
    console.log(`  ${scenario}, ${name}: ${format(median(was.values))} -> ${format(median(now.values))}`);
  }
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
if (options.html !== undefined) writeFileSync(options.html, resultsPage(results, changed));

/**
 * A pump at a steady rate while its back ends come and go, to see that everything arrives and nothing grows: see docs/performance.md.
 *
 * `--minutes` (30), `--rate` records a second (2,000), `--seed`; `--json <file>` keeps the samples, `--html <file>` shows them, `--svg <file>`
 * draws some, and `--from <file>` takes the samples of such a run for both instead of running. Ends with 1 where a record is missing, an aggregate is wrong, or memory or file handles grew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { optionsOf, wrongUse } from "../scripts/options.ts";
import { faultsOf } from "./soak/faults.ts";
import { rate, soakPage, soakPicture, summary } from "./soak/page.ts";
import { type Soak, soak } from "./soak/run.ts";
import type { Sample } from "./soak/sample.ts";
import { format } from "./table.ts";

const { values } = optionsOf({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string", default: "2000" },
    seed: { type: "string", default: "1" },
    json: { type: "string" },
    html: { type: "string" },
    svg: { type: "string" },
    from: { type: "string" },
  },
});
let saidAt = 0;

const found = values.from === undefined ? await run() : (JSON.parse(readFileSync(values.from, "utf8")) as Found);
const lines = summary(found);
const width = Math.max(...lines.map(({ what }) => what.length));
for (const { what, found } of lines) console.log(`  ${what.padEnd(width)}   ${found}`);
for (const line of found.broken) console.error(line);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(found, null, 1)}\n`);
if (values.html !== undefined) writeFileSync(values.html, soakPage(found, found.machine));
if (values.svg !== undefined) writeFileSync(values.svg, soakPicture(found));
process.exitCode = found.broken.length === 0 ? 0 : 1;

type Found = Soak & { machine: string };

async function run(): Promise<Found> {
  const machine = `${cpus().length} cores of ${cpus()[0]?.model}, Node.js ${process.versions.node}`;
  const seconds = positive("minutes") * 60;
  const seed = positive("seed");
  console.log(`${machine}, seed ${seed}`);
  const faults = faultsOf(seed, seconds);
  // Gigabytes would be left behind. `npm run` passes on what the terminal sends as well: it comes twice.
  const told = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => told.abort());
  return { machine, ...(await soak({ seed, seconds, rate: positive("rate"), faults, onSample, signal: told.signal })) };
}

/** A line a minute. */
function onSample(sample: Sample, before: Sample | undefined): void {
  const minute = Math.floor((sample.at + 1) / 60);
  if (minute <= saidAt || before === undefined) return;
  saidAt = minute;
  const { memoryMb, handles, threads, pushed, redisMb, sinks } = sample;
  const cpu = Math.round(rate((one) => one.cpuSeconds * 100, sample, before));
  const behind = Object.entries(sinks).map(([name, { lag }]) => `${name} ${format(lag)}`);
  console.log(
    `${minute} min: ${pushed.toLocaleString("en")} pushed; ${format(memoryMb)} MB, ${handles} handles, ${threads} threads, CPU ${cpu} %; Redis ${format(redisMb)} MB; behind: ${behind.join(", ")}`,
  );
}

function positive(option: "minutes" | "rate" | "seed"): number {
  const value = Number(values[option]);
  if (value > 0 && Number.isFinite(value)) return value;
  return wrongUse(`--${option} is a number above 0, not ${values[option]}.`);
}

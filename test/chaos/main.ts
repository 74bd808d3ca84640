/** `npm run faults`: deployments under faults that a seed draws, and a model that every sink is held against. See docs/reliability.md. */
import { optionsOf, wrongUse } from "../../scripts/options.ts";
import type { Level, Outcome } from "./level.ts";
import { report } from "./report.ts";
import { simulated } from "./simulated/level.ts";

/** Simulated runs for each real one. */
const SIMULATED_SHARE = 20;
const SAY_EACH = 50;

const HELP = `npm run faults -- [options]
  --level simulated|real|both  default both: twenty simulated runs for each real one
  --runs N                     default 20; with both, of the real ones
  --seed N                     of the first run; default: the time
  --minutes N                  ends after the run in which they are over
  --only 3,7,9                 of one run, these events alone; tells all that happens`;

const { values } = optionsOf({
  options: {
    level: { type: "string", default: "both" },
    runs: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    minutes: { type: "string" },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const print = (line: string) => void process.stdout.write(`${line}\n`);
const until = values.minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + number("minutes") * 60_000;

if (values.help) print(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const levels = await levelsOf(values.level);
  const seed = number("seed");
  const runs = number("runs");
  if (values.only !== undefined) return again(levels[0]!, seed, values.only.split(",").map(Number));
  for (const level of levels) {
    const count = level === simulated && levels.length > 1 ? runs * SIMULATED_SHARE : runs;
    if (!(await all(level, seed, count))) return 1;
  }
  return 0;
}

async function all(level: Level, seed: number, runs: number): Promise<boolean> {
  const began = performance.now();
  let records = 0;
  let repeated = 0;
  let notRun = 0;
  let done = 0;
  for (; done < runs && performance.now() < until; done++) {
    let outcome: Outcome;
    try {
      outcome = await level.run(seed + done, null);
    } catch (error) {
      print(`seed ${seed + done} could not be run: ${(error as Error).stack}`);
      notRun++;
      continue;
    }
    if (outcome.wrong.length > 0) {
      print(
        [...outcome.history, "", ...outcome.wrong, `seed ${seed + done} failed: looking for what it takes`].join("\n"),
      );
      print(await report(level, seed + done, outcome));
      return false;
    }
    records += outcome.records;
    repeated += outcome.repeated;
    if (level.name === "real") print(`seed ${seed + done}: ${outcome.summary}`);
    else if ((done + 1) % SAY_EACH === 0) print(`${done + 1} runs`);
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  print(
    `${level.name}: ${done - notRun} runs from seed ${seed} in ${seconds} s: ${records} records, none lost, ${repeated} deliveries repeated, each by a fault`,
  );
  return notRun === 0;
}

async function again(level: Level, seed: number, only: readonly number[]): Promise<number> {
  const outcome = await level.run(seed, only);
  for (const line of [...outcome.history, "", ...outcome.wrong, outcome.summary]) print(line);
  return outcome.wrong.length > 0 ? 1 : 0;
}

async function levelsOf(name: string): Promise<Level[]> {
  if (name === "simulated") return [simulated];
  // It needs servers and the whole program.
  const { real } = await import("./real/level.ts");
  if (name === "real") return [real];
  if (name === "both") return [simulated, real];
  return wrongUse(`There is no level ${name}: simulated, real or both.`);
}

function number(option: "seed" | "runs" | "minutes"): number {
  const value = Number(values[option]);
  if (Number.isFinite(value) && value >= 0) return value;
  return wrongUse(`--${option} is a number, not ${values[option]}.`);
}

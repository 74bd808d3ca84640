import type { Level, Outcome } from "./level.ts";
import { smallest } from "./minimize.ts";

/** What is said of a run that failed: its seed, what it takes to fail, what happened then, and how to see it again. */
export async function report(level: Level, seed: number, failed: Outcome): Promise<string> {
  const events = level.events(seed);
  let last = failed;
  const left = await smallest(
    events.map((_, i) => i),
    async (part) => {
      const outcome = await level.run(seed, part);
      if (outcome.wrong.length > 0) last = outcome;
      return outcome.wrong.length > 0;
    },
    level.repeats,
  );
  return [
    `FAILED: ${level.name} run, seed ${seed}`,
    ...failed.wrong,
    "",
    `What happened, ${left.length} of ${events.length} events being enough:`,
    ...last.history,
    "",
    "What is wrong then:",
    ...last.wrong,
    "",
    "The events:",
    ...left.map((i) => `  ${i}: ${events[i]}`),
    "",
    `Again: npm run faults -- --level ${level.name} --seed ${seed} --only ${left.join(",")}`,
    `All of it: npm run faults -- --level ${level.name} --seed ${seed} --runs 1`,
  ].join("\n");
}

import type { Level } from "../level.ts";
import { planOf } from "./plan.ts";
import { run } from "./run.ts";

/** Core, sdk and delivery log in one process, on a clock of their own. */
export const simulated: Level = {
  name: "simulated",
  repeats: 150,
  events: (seed) => planOf(seed).events.map((event) => JSON.stringify(event)),
  run: (seed, only) => run(planOf(seed), { only }),
};

import type { Level } from "../level.ts";
import { planOf } from "./plan.ts";
import { run } from "./run.ts";

/** Real processes on a real Redis. */
export const real: Level = {
  name: "real",
  repeats: 8,
  events: (seed) => planOf(seed).events.map((event) => JSON.stringify(event)),
  run: (seed, only) => run(planOf(seed), only),
};

import { createHash } from "node:crypto";
import type { Plan } from "./plan.ts";
import { virtualTime } from "./time.ts";
import { type Mutant, World } from "./world.ts";

/** After the last fault, how long all may take to come to rest, ms of the simulation. */
const PATIENCE_MS = 20 * 60_000;
const LOOK_MS = 1000;
/** A probe of what is suspended, and a record in whose company others can be judged. */
const COMPANY_MS = 5000;

export interface Outcome {
  /** What is not as it must be. */
  wrong: string[];
  /** All that happened, a line each. */
  history: string[];
  records: number;
  /** Deliveries beyond the first of each record, by sink. */
  steps: number;
  /** Of the simulation, ms. */
  ms: number;
  /** The same for the same plan, always. */
  digest: string;
}

/** Runs a plan to its end, then all to rest. */
export async function run(plan: Plan, mutant: Mutant = {}, only: readonly number[] | null = null): Promise<Outcome> {
  const history: string[] = [];
  const digest = createHash("sha1");
  const undo = virtualTime();
  const kept = only === null ? plan.events : plan.events.filter((_, i) => only.includes(i));
  const world = new World({ ...plan, events: kept }, mutant, (line) => {
    history.push(line);
    digest.update(line);
  });
  const { simulation } = world;
  try {
    world.start();
    const last = kept.reduce((end, event) => Math.max(end, event.at + ("ms" in event ? event.ms : 0)), 0);
    await simulation.runUntil(() => false, last);
    world.say("all is well again");
    world.calm();
    const deadline = simulation.now + PATIENCE_MS;
    for (let next = simulation.now; simulation.now < deadline; ) {
      if (simulation.now >= next) {
        next = simulation.now + COMPANY_MS;
        world.probe();
        if (world.plan.sinks.some(({ poison }) => poison.numbers.size > 0)) world.push(0, 1, false);
      }
      await simulation.runUntil(() => false, simulation.now + LOOK_MS);
      if (world.atRest) break;
    }
    const wrong = world.atRest ? [] : ["it never came to rest"];
    if (!world.atRest) for (const it of world.instances) if (it?.alive) history.push(it.describe());
    wrong.push(...world.verdict());
    return {
      wrong,
      history,
      records: world.ledger.records,
      steps: simulation.steps,
      ms: simulation.now,
      digest: digest.update(String(simulation.steps)).digest("hex"),
    };
  } finally {
    undo();
  }
}

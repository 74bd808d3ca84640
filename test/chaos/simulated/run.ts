import { createHash } from "node:crypto";
import type { Outcome } from "../level.ts";
import type { Plan } from "./plan.ts";
import { virtualTime } from "./time.ts";
import { type Mutant, World } from "./world.ts";

/** After the last fault, how long all may take to come to rest, ms of the simulation. */
const PATIENCE_MS = 20 * 60_000;
const LOOK_MS = 1000;
/** A probe of what is suspended, and records in whose company others can be judged, some for each actor. */
const COMPANY_MS = 40_000;
const COMPANY = 40;

export interface SimulatedOutcome extends Outcome {
  /** The same for the same plan, always. */
  digest: string;
}

export interface RunOptions {
  mutant?: Mutant;
  /** With these events alone. */
  only?: readonly number[] | null;
  patienceMs?: number;
}

/** Runs a plan to its end, then all to rest. */
export async function run(
  plan: Plan,
  { mutant = {}, only = null, patienceMs = PATIENCE_MS }: RunOptions = {},
): Promise<SimulatedOutcome> {
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
    const deadline = simulation.now + patienceMs;
    for (let next = simulation.now; simulation.now < deadline; ) {
      if (simulation.now >= next) {
        next = simulation.now + COMPANY_MS;
        world.probe();
        if (world.plan.sinks.some(({ poison }) => poison.numbers.size > 0)) world.push(0, COMPANY, false);
      }
      await simulation.runUntil(() => false, simulation.now + LOOK_MS);
      if (await world.atRest()) break;
    }
    const rests = await world.atRest();
    const wrong = rests ? [] : ["it never came to rest"];
    if (!rests) for (const it of world.instances) if (it?.alive) history.push(it.describe());
    wrong.push(...(await world.verdict()));
    const { records, repeated } = world.ledger;
    const seconds = Math.round(simulation.now / 1000);
    return {
      wrong,
      history,
      summary: `${plan.engine}: ${records} records, ${kept.length} events, ${seconds} s in ${simulation.steps} steps, ${repeated} deliveries repeated`,
      records,
      repeated,
      digest: digest.update(String(simulation.steps)).digest("hex"),
    };
  } finally {
    undo();
    world.end();
  }
}

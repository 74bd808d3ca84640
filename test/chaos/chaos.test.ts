import { describe, expect, test } from "vitest";
import { smallest } from "./minimize.ts";
import { real } from "./real/level.ts";
import { report } from "./report.ts";
import { simulated } from "./simulated/level.ts";
import { MUTANTS } from "./simulated/mutants.ts";
import { type Plan, planOf } from "./simulated/plan.ts";
import { run } from "./simulated/run.ts";

/** A short run of each level; the long one is `npm run faults`. */
const SIMULATED = 25;
const REAL = [1026];
/** Within so many runs each broken rule must be noticed. */
const MUTANT_RUNS = 60;

describe("deployments under faults that a seed draws", () => {
  test(`${SIMULATED} simulated runs: nothing lost, repeats only where a fault struck, counts exact, dead letters complete`, async () => {
    for (let seed = 1; seed <= SIMULATED; seed++) {
      const outcome = await simulated.run(seed, null);
      if (outcome.wrong.length > 0) expect.fail(await report(simulated, seed, outcome));
    }
  }, 300_000);

  for (const seed of REAL) {
    test(`a real run, seed ${seed}`, async () => {
      expect((await real.run(seed, null)).wrong).toEqual([]);
    }, 300_000);
  }

  // One on each engine.
  test.each([14, 17])(
    "the same seed is the same run, to the last message: %i",
    async (seed) => {
      const [one, two] = [await run(planOf(seed)), await run(planOf(seed))];
      const withoutFolder = (lines: readonly string[]) => lines.map((line) => line.replace(/sluice-simulated-\w+/, ""));
      expect(withoutFolder(two.history)).toEqual(withoutFolder(one.history));
      expect(two.digest).toBe(one.digest);
    },
    60_000,
  );
});

describe("the check notices when a rule of the protocol is broken", () => {
  for (const [rule, mutant] of Object.entries(MUTANTS)) {
    test(rule, async () => {
      const noticed = await firstNoticed((plan) => run(plan, { mutant: mutant(), patienceMs: 60_000 }));
      expect(noticed).toMatch(/lacks|dead letters|came to|took a chunk/);
    }, 300_000);
  }
});

async function firstNoticed(runs: (plan: Plan) => Promise<{ wrong: string[] }>): Promise<string | undefined> {
  for (let seed = 1; seed <= MUTANT_RUNS; seed++) {
    const plan = planOf(seed);
    // Slow destinations: much is in hand when a fault strikes.
    const sinks = plan.sinks.map((sink) => ({ ...sink, latencyMs: 1200 }));
    const { wrong } = await runs({ ...plan, engine: "redis", sinks });
    const noticed = wrong.find((line) => !/never came to rest|left over/.test(line));
    if (noticed) return noticed;
  }
  return undefined;
}

test("a kill while what lies behind a record that ends its actor is counted, in a quiet hour: the record is a dead letter", async () => {
  for (let at = 20_000; at <= 23_000; at += 250) {
    const outcome = await run({
      ...{ seed: 7, engine: "redis", leaseMs: 2000, chunkRecords: 12, lists: 1, instances: [[0]] },
      sinks: [
        {
          ...{ name: "counter0", kind: "counter", records: 100, ms: 200, concurrency: 1, latencyMs: 900, actors: 1 },
          poison: { kind: "crash", numbers: new Set([5]) },
        },
      ],
      events: [
        { at: 100, do: "push", list: 0, count: 12, large: false },
        { at, do: "kill", instance: 0, ms: 500 },
      ],
    });
    expect([at, outcome.wrong]).toEqual([at, []]);
  }
}, 60_000);

test("a failure is narrowed down to the events that it takes, and told with how to repeat it", async () => {
  const items = Array.from({ length: 40 }, (_, i) => i);
  const left = await smallest(items, async (part) => part.includes(7) && part.includes(31));
  expect(left).toEqual([7, 31]);
  const level = {
    name: "simulated" as const,
    repeats: 100,
    events: () => items.map((i) => `event ${i}`),
    run: async (_seed: number, only: readonly number[] | null) => ({
      wrong: (only ?? items).includes(7) && (only ?? items).includes(31) ? ["a record is lost"] : [],
      history: [`ran ${only?.length ?? "all"}`],
      ...{ summary: "", records: 0, repeated: 0 },
    }),
  };
  const text = await report(level, 5, await level.run(5, null));
  expect(text).toMatch(/FAILED: simulated run, seed 5\na record is lost/);
  expect(text).toMatch(/ran 2\n/);
  expect(text).toMatch(/npm run faults -- --level simulated --seed 5 --only 7,31\n/);
});

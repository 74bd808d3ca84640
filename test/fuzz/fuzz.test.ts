import { describe, expect, test } from "vitest";
import { describeFailure, fuzz, type Target } from "./harness.ts";
import { mutated } from "./mutate.ts";
import { shares, TARGETS } from "./targets.ts";

/** Another one each time; SLUICE_SEED repeats one. */
const seed = Number(process.env.SLUICE_SEED ?? Date.now() % 1_000_000_000);
const seconds = Number(process.env.SLUICE_FUZZ_SECONDS ?? 15);
const ms = shares(TARGETS, seconds * 1000);

describe(`what reads from outside, seed ${seed}`, () => {
  for (const [i, target] of TARGETS.entries()) {
    test(target.name, { timeout: 60_000 + 10 * ms[i]! }, async () => {
      const { name, runs, failure } = await target.fuzz({ seed, ms: ms[i]! });
      expect(failure && describeFailure(name, failure)).toBe(null);
      expect(runs).toBeGreaterThan(0);
    });
  }
});

test("what fails is made small and can be repeated", async () => {
  const target: Target<Buffer> = {
    name: "planted",
    input: mutated([Buffer.from("sound and long enough")]),
    bytes: (input) => input,
    run(input) {
      if (input.includes(0xff)) throw new Error("planted");
    },
  };
  const { failure } = await fuzz(target, { seed: 1, ms: 20_000 });
  expect(failure).toMatchObject({ seed: 1, why: expect.stringContaining("planted") });
  expect(Buffer.from(failure!.hex, "hex")).toContain(0xff);
  const again = await fuzz(target, { seed: 1, ms: 20_000, path: failure!.path });
  expect(again).toMatchObject({ failure: { hex: failure!.hex } });
  expect(describeFailure("planted", failure!)).toContain(
    `npm run fuzz -- --only planted --seed 1 --path ${failure!.path}`,
  );
});

/** `npm run fuzz -- --minutes 10 --seed 7 [--only <target>] [--path <path>]`: ends with 1 where something does not hold. */
import { optionsOf, wrongUse } from "../../scripts/options.ts";
import { describeFailure } from "./harness.ts";
import { shares, TARGETS } from "./targets.ts";

const { values } = optionsOf({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    only: { type: "string" },
    path: { type: "string" },
  },
});
const seed = Number(values.seed);
const targets = TARGETS.filter(({ name }) => values.only === undefined || name === values.only);
if (targets.length === 0 || !Number.isInteger(seed) || !(Number(values.minutes) > 0)) {
  const names = TARGETS.map(({ name }) => name).join(", ");
  wrongUse(`fuzz: --only takes one of ${names}; --seed a whole number; --minutes a number above 0`);
}
process.stdout.write(`seed ${seed}\n`);
const ms = shares(targets, Number(values.minutes) * 60_000);
let failed = false;
for (const [i, target] of targets.entries()) {
  const path = values.path === undefined ? {} : { path: values.path };
  const { name, runs, failure } = await target.fuzz({ seed, ms: ms[i]!, ...path });
  process.stdout.write(`${failure ? "FAIL" : "ok  "} ${name.padEnd(18)} ${runs} inputs\n`);
  if (failure) process.stdout.write(`${describeFailure(name, failure)}\n`);
  failed ||= failure !== null;
}
process.exit(failed ? 1 : 0);

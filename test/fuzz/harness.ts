import fc from "fast-check";
import { Watchdog } from "./watchdog.ts";

/** Something that reads from outside, and what must hold whatever it reads. */
export interface Target<T = unknown> {
  readonly name: string;
  readonly input: fc.Arbitrary<T>;
  /** Throws where something does not hold. Whatever the input, it is to be done within PATIENCE_MS of CPU. */
  run(input: T): void | Promise<void>;
  /** The input as bytes: what is printed of one that fails. */
  bytes(input: T): Uint8Array;
  /** Its part of the time, beside others that have 1. */
  share?: number;
  /** Ends what it runs on. */
  end?(): Promise<void>;
}

export interface Options {
  seed: number;
  /** How long inputs are drawn, ms; the search for the smallest one that fails comes on top. */
  ms: number;
  /** Where fast-check was when it failed: repeats that one alone. */
  path?: string;
}

export interface Outcome {
  name: string;
  /** Inputs that were tried. */
  runs: number;
  failure: Failure | null;
}

export interface Failure {
  seed: number;
  path: string;
  /** The smallest input that fails, in hex. */
  hex: string;
  why: string;
}

/** One input that keeps a core busy for longer is a fault. Not by the clock on the wall: the machine may be busy with something else. */
const PATIENCE_MS = 5000;
/** After so long it is not waited for any more. */
const HANGING_MS = 60_000;
const SHRINK_MS = 10_000;
const LARGEST_HEX = 4000;

/** Draws inputs until the time is over or one fails; that one is made as small as it can be. */
export async function fuzz<T>(target: Target<T>, { seed, ms, path }: Options): Promise<Outcome> {
  let runs = 0;
  const watchdog = new Watchdog(`${target.name}, seed ${seed},`, HANGING_MS);
  const property = fc.asyncProperty(target.input, async (input) => {
    runs++;
    watchdog.begin(target.bytes(input));
    const before = process.cpuUsage();
    try {
      await target.run(input);
    } finally {
      watchdog.end();
    }
    const { user, system } = process.cpuUsage(before);
    const took = Math.round((user + system) / 1000);
    if (took > PATIENCE_MS) throw new Error(`it took ${took} ms`);
  });
  const check = (limit: number, from: string | undefined) =>
    fc.check(property, {
      seed,
      numRuns: Number.MAX_SAFE_INTEGER,
      interruptAfterTimeLimit: limit,
      ...(from !== undefined && { path: from }),
    });
  const found = await check(ms, path);
  // The time may have been over before it was as small as it can be.
  const smaller = found.counterexamplePath === null ? found : await check(SHRINK_MS, found.counterexamplePath);
  const { counterexample, counterexamplePath, errorInstance } = smaller.counterexample ? smaller : found;
  await watchdog.stop();
  if (!counterexample) return { name: target.name, runs, failure: null };
  const hex = Buffer.from(target.bytes(counterexample[0])).toString("hex");
  const why = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance);
  return { name: target.name, runs, failure: { seed, path: counterexamplePath!, hex, why } };
}

/** What a person needs to see it again. */
export function describeFailure(name: string, { seed, path, hex, why }: Failure): string {
  const input = hex.length > LARGEST_HEX ? `${hex.slice(0, LARGEST_HEX)}… (${hex.length / 2} bytes)` : hex;
  return `${name} fails, seed ${seed}
smallest input (hex): ${input}
again: npm run fuzz -- --only ${name} --seed ${seed} --path ${path}
${why}`;
}

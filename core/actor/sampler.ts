import v8 from "node:v8";
import type { Sampled } from "./process-body.ts";

/** Twice this fits into a message, however much of it must be escaped. */
const LARGEST = 7 * 2 ** 20;

/** Samples the stack of this very thread: begins when told so, and gives a `.cpuprofile` when told to stop. */
export function createSampler(): (on: boolean) => Sampled {
  let running: ReturnType<typeof v8.startCpuProfile> | null = null;
  return (on) => {
    const before = running?.stop();
    running = null;
    try {
      // Of Node 24.12 and later.
      if (on) running = v8.startCpuProfile();
    } catch (error) {
      return { t: "sampled", profile: "", error: `its process cannot be sampled: ${(error as Error).message}` };
    }
    if (on || before === undefined) return { t: "sampled", profile: "", error: null };
    if (before.length > LARGEST) {
      return { t: "sampled", profile: "", error: "its profile is too large: measure for a shorter time" };
    }
    return { t: "sampled", profile: before, error: null };
  };
}

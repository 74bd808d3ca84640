import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { SinkState } from "./status.ts";

/** What a sink may take to load and to open before the next one begins all the same, ms. */
const PATIENCE_MS = 1000;
const LOOK_MS = 5;

interface Starting {
  start(): void;
  readonly state: SinkState;
}

/**
 * Loading a plugin keeps a core busy: begins as many as there are cores, and the next one as each is open, so that the first ones of the
 * configuration deliver while the last ones load. Resolves when all have begun.
 */
export async function startInTurns(
  all: readonly Starting[],
  stopping: () => boolean,
  lanes: number = availableParallelism(),
): Promise<void> {
  const waiting = [...all];
  const lane = async () => {
    for (let one = waiting.shift(); one && !stopping(); one = waiting.shift()) {
      one.start();
      const until = performance.now() + PATIENCE_MS;
      while (waiting.length > 0 && !stopping() && loads(one) && performance.now() < until) await sleep(LOOK_MS);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

function loads({ state }: Starting): boolean {
  return state === "starting" || state === "opening";
}

import { createRandom } from "../../core/demo/random.ts";

/** Seconds since the start, and for how long. */
export interface Fault {
  kind: "postgres" | "cut" | "reload";
  at: number;
  seconds: number;
}

export const FAULT_NAMES = {
  postgres: "PostgreSQL is stopped",
  cut: "connections to Redis are cut",
  reload: "a sink is replaced by a reload",
} as const satisfies { [kind in Fault["kind"]]: string };

/** Quiet before the first, and after the last. */
const QUIET_S = 15;
const LEAST_GAP_S = 10;
const MOST_GAP_S = 40;
const LEAST_DOWN_S = 5;
const MOST_DOWN_S = 20;

/** What happens in a run of so many seconds, drawn from a seed: each kind as often as the others, one at a time. */
export function faultsOf(seed: number, seconds: number): Fault[] {
  const random = createRandom(seed);
  const between = (from: number, to: number) => from + random.below(to - from + 1);
  const faults: Fault[] = [];
  let bag: Fault["kind"][] = [];
  for (let at = QUIET_S; ; ) {
    if (bag.length === 0) bag = Object.keys(FAULT_NAMES) as Fault["kind"][];
    const kind = bag.splice(random.below(bag.length), 1)[0]!;
    const down = kind === "postgres" ? between(LEAST_DOWN_S, MOST_DOWN_S) : 0;
    if (at + down > seconds - QUIET_S) return faults;
    faults.push({ kind, at, seconds: down });
    at += down + between(LEAST_GAP_S, MOST_GAP_S);
  }
}

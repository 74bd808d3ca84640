/** What is known of a checked service. */
export interface CheckState {
  readonly up: "unknown" | "up" | "down";
  /** Results of one kind in a row, as of the last one: failures below 0, successes above. */
  readonly run: number;
}

export const UNKNOWN: CheckState = { up: "unknown", run: 0 };

/** So many in a row change the state. */
export interface Thresholds {
  failures: number;
  successes: number;
}

/** The state behind one more result. A service of which nothing is known is up by its first success. */
export function nextState({ up, run }: CheckState, isWell: boolean, { failures, successes }: Thresholds): CheckState {
  const next = isWell ? Math.max(run, 0) + 1 : Math.min(run, 0) - 1;
  if (-next >= failures) return { up: "down", run: next };
  if (isWell && (up === "unknown" || next >= successes)) return { up: "up", run: next };
  return { up, run: next };
}

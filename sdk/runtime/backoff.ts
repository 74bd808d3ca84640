/** Exponential backoff with full jitter: between 0 and min(most, least * 2^(attempt - 1)) ms, but never under a tenth of that. */
export function backoff(
  attempt: number,
  range: { least: number; most: number },
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(range.most, range.least * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling * Math.max(0.1, random()));
}

/** Calls of a sink. */
export const CALL_BACKOFF = { least: 250, most: 30_000 };
/** Opening a sink, restarting an actor. */
export const OPEN_BACKOFF = { least: 1000, most: 60_000 };
/** A sink may ask for a longer pause, but not for ever. */
export const LONGEST_AFTER_MS = 15 * 60_000;

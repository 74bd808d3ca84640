import type { ListStatus } from "../../supervisor/status.ts";

/** A list, or several as one, for a card. */
export interface ShownList {
  name: string;
  live: number;
  /** Records claimed a second. */
  rate: number;
}

const MOST = 5;

/** A gateway may have many lists, and most are not used: those that are, the busiest first where they are many, and the others as one. */
export function listsToShow(
  lists: readonly ListStatus[],
  rates: ReadonlyMap<string, number>,
): { shown: ShownList[]; unused: number } {
  const all = lists.map(({ name, live, claimed }) => ({
    name,
    live,
    used: live + claimed > 0,
    rate: rates.get(name) ?? 0,
  }));
  const used = all.filter((list) => list.used);
  const unused = all.length - used.length;
  if (used.length <= MOST) return { shown: used.length > 0 ? used : all.slice(0, 1), unused };
  const sorted = used.toSorted((a, b) => b.rate - a.rate || b.live - a.live);
  const rest = sorted.splice(MOST - 1);
  const sum = (of: (list: ShownList) => number) => rest.reduce((n, list) => n + of(list), 0);
  const others = { name: `${rest.length} other lists`, live: sum(({ live }) => live), rate: sum(({ rate }) => rate) };
  return { shown: [...sorted, others], unused };
}

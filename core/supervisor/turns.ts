import type { ListDrain } from "./list-drain.ts";

/**
 * Lets the lists take, soon and in turn: the credit of a sink is for all of them. Each second time those that are sure to
 * have something come first: else looking into empty lists could use it all up, with Redis far away. Each other time it is
 * all in turn: else one list's backlog could.
 */
export function inTurns(drains: () => readonly Pick<ListDrain, "take" | "waiting">[]): () => void {
  let due = false;
  let turn = 0;
  return () => {
    if (due) return;
    due = true;
    setImmediate(() => {
      due = false;
      const all = drains();
      const first = ++turn % all.length;
      const order = [...all.slice(first), ...all.slice(0, first)];
      if (turn % 2 === 0) order.sort((a, b) => Number(b.waiting) - Number(a.waiting));
      for (const drain of order) drain.take();
    });
  };
}

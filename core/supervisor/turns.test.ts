import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { inTurns } from "./turns.ts";

test("each list has the first turn, and those that wait have it each second time", async () => {
  const firsts: string[] = [];
  let order: string[] = [];
  const drains = ["a", "b", "busy", "c"].map((name) => ({
    waiting: name === "busy",
    take: () => void order.push(name),
  }));
  const hungry = inTurns(() => drains);
  for (let i = 0; i < 8; i++) {
    order = [];
    hungry();
    hungry();
    await turn();
    expect(order.toSorted()).toEqual(["a", "b", "busy", "c"]);
    firsts.push(order[0]!);
  }
  expect(firsts).toEqual(["b", "busy", "c", "busy", "b", "busy", "c", "busy"]);
});

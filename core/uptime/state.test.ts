import { describe, expect, test } from "vitest";
import { nextState, UNKNOWN } from "./state.ts";

/** F: a failure, S: a success. D: it goes down, U: it comes up, ·: nothing. */
const CASES: [failures: number, successes: number, results: string, actions: string][] = [
  [3, 3, "FFF", "··D"],
  [3, 3, "FSSFSSFFF", "·U······D"],
  [3, 3, "FFFFSFSSS", "··D·····U"],
  [1, 1, "FSFS", "DUDU"],
  [2, 1, "FFSF", "·DU·"],
  [3, 2, "SFFFSFSS", "U··D···U"],
];

describe("consecutive results change the state", () => {
  test.each(CASES)("%i failures, %i successes: %s", (failures, successes, results, actions) => {
    let state = UNKNOWN;
    const seen = [...results].map((result) => {
      const next = nextState(state, result === "S", { failures, successes });
      const action = next.up === state.up ? "·" : next.up === "up" ? "U" : "D";
      state = next;
      return action;
    });
    expect(seen.join("")).toBe(actions);
  });
});

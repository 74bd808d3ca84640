import { expect, test } from "vitest";
import { ClaimPace } from "./claim-pace.ts";

const claim = (pace: ClaimPace<string>, chunks: number) => {
  for (let i = 0; i < chunks; i++) pace.claimed();
};

test("a backlog is claimed at once until every sink has a few chunks before it, then for half of the time", () => {
  const pace = new ClaimPace(
    () => ["fast", "slow"],
    () => true,
  );
  claim(pace, 7);
  expect(pace.pause(3)).toBe(0);
  claim(pace, 1);
  expect(pace.pause(3)).toBe(3);
});

test("the sink that is furthest says how fast: one that takes nothing does not slow it down", () => {
  const pace = new ClaimPace(
    () => ["fast", "hangs"],
    () => true,
  );
  for (let i = 0; i < 100; i++) {
    pace.claimed();
    pace.taken("fast", 1, 1);
    expect(pace.pause(3)).toBe(0);
  }
});

test("a list that was empty is looked at sooner, the more came meanwhile", () => {
  const pace = new ClaimPace<string>(
    () => [],
    () => true,
  );
  expect([0, 10, 1000, 2000, 20_000].map((found) => pace.idle(200, found))).toEqual([200, 200, 200, 100, 10]);
});

test("sinks that do not work are not claimed for in a hurry", () => {
  const pace = new ClaimPace(
    () => ["suspended"],
    () => false,
  );
  expect(pace.pause(3)).toBe(3);
});

test("a sink that got less than it asked for has nothing before it, whoever took it", () => {
  const pace = new ClaimPace(
    () => ["sink"],
    () => true,
  );
  claim(pace, 20);
  pace.taken("sink", 1, 2);
  expect(pace.pause(3)).toBe(0);
  claim(pace, 8);
  expect(pace.pause(3)).toBe(3);
});

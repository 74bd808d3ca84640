import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startInTurns } from "./start-in-turns.ts";
import type { SinkState } from "./status.ts";

class Fake {
  state: SinkState = "starting";
  started = false;
  start(): void {
    this.started = true;
  }
}

const fakes = (n: number) => Array.from({ length: n }, () => new Fake());
const started = (all: readonly Fake[]) => all.map((one) => Number(one.started)).join("");

test("as many at once as there are cores, in order; the next one when one is open or cannot be", async () => {
  const all = fakes(5);
  const begun = startInTurns(all, () => false, 2);
  expect(started(all)).toBe("11000");
  all[1]!.state = "open";
  await expect.poll(() => started(all)).toBe("11100");
  all[0]!.state = "opening";
  all[2]!.state = "suspended";
  await expect.poll(() => started(all)).toBe("11110");
  all[3]!.state = "open";
  await begun;
  expect(started(all)).toBe("11111");
});

test("one that never opens holds the others up for a second only", async () => {
  const all = fakes(3);
  const began = performance.now();
  await startInTurns(all, () => false, 1);
  expect(started(all)).toBe("111");
  expect(performance.now() - began).toBeLessThan(5000);
});

test("none begins once the stop has begun", async () => {
  const all = fakes(3);
  let stopping = false;
  const begun = startInTurns(all, () => stopping, 1);
  stopping = true;
  all[0]!.state = "open";
  await begun;
  await sleep(20);
  expect(started(all)).toBe("100");
});

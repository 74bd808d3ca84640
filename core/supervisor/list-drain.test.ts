import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLogger } from "../logging/index.ts";
import { ListDrain } from "./list-drain.ts";
import { House } from "./testing/house.ts";
import { LEASE_MS } from "./testing/list.ts";
import { Troubles } from "./troubles.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

test("an answer that comes when its sink has left does not bring the sink back; the chunk is handed back", async () => {
  const { sink, lists, actors } = new House();
  const [list] = lists;
  list!.add(1, 1);
  let sinks = [sink];
  const logger = createLogger({ level: "error", format: "text", write: () => {} });
  const pace = { leaseMs: LEASE_MS, pollMs: 200 };
  const drain: ListDrain = new ListDrain(
    list!,
    () => sinks,
    pace,
    logger,
    new Troubles(logger),
    () => drain.take(),
  );
  sink.crew.start();
  actors[0]!.open("writer");
  let answer: (() => void) | undefined;
  list!.after = (call) => (call === "take" ? new Promise((resolve) => (answer = resolve)) : Promise.resolve());
  drain.join(sink);
  await vi.advanceTimersByTimeAsync(1);
  expect(answer).toBeDefined();

  drain.leave(sink);
  const stopped = sink.stop(Date.now() + 1000, Date.now() + 2000);
  await vi.advanceTimersByTimeAsync(3000);
  await stopped;
  drain.forget(sink);
  sinks = [];
  answer!();
  await vi.advanceTimersByTimeAsync(1);
  expect(drain.waiting).toBe(false);
  expect(list!.in("free")).toEqual(["1"]);
});

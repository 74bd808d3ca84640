import { expect, test } from "vitest";
import { fakeProfile } from "./fake-profile.ts";
import { bottleneckOf, limitOf } from "./limit.ts";
import type { Limit, Profile, TimeMs } from "./profile.ts";

const NOTHING: TimeMs = { scan: 0, filter: 0, plugin: 0, other: 0, backEnd: 0, retry: 0, records: 0 };
const BEHIND = { lagAfter: 50_000, heldAfter: 1000, oldestMs: 9000 };

test.each<[is: Limit["is"], what: Partial<Profile>]>([
  ["down", { ...BEHIND, state: "suspended", reason: "wrong password" }],
  ["failing", { ...BEHIND, calls: 4, failedCalls: 4, timeMs: { ...NOTHING, retry: 900, records: 100 } }],
  ["nothing", { lagAfter: 900, timeMs: { ...NOTHING, backEnd: 900, records: 100 } }],
  // A gatherer has seconds of records in hand.
  ["nothing", { lagAfter: 90_000, heldAfter: 90_000, oldestMs: 4000 }],
  ["back end", { lagAfter: 90_000, heldAfter: 90_000, oldestMs: 40_000 }],
  ["blocked", { ...BEHIND, busyShare: 0.95, cpuShare: 0.2 }],
  ["thread", { ...BEHIND, busyShare: 0.95, cpuShare: 0.9 }],
  ["blocked", { ...BEHIND, actors: 4, busyShare: 0.95, cpuShare: 0.9 }],
  ["back end", { ...BEHIND, busyShare: 0.3, timeMs: { ...NOTHING, plugin: 300, backEnd: 700 } }],
  ["log", { ...BEHIND, busyShare: 0.3, timeMs: { ...NOTHING, plugin: 300, records: 700 } }],
  ["several", { ...BEHIND, busyShare: 0.4, timeMs: { ...NOTHING, plugin: 400, backEnd: 300, records: 300 } }],
  ["blocked", { actors: 0, busyShare: 0, cpuShare: 0, timeMs: NOTHING, notes: ["Actor 0 does not answer."] }],
  ["blocked", { actors: 0, busyShare: 0, cpuShare: 0, timeMs: NOTHING }],
])("%s", (is, what) => {
  const limit = limitOf(fakeProfile(what));
  expect(limit.is).toBe(is);
  expect(limit.why).toMatch(/^[A-Z0-9].*\.$/);
  expect(limit.why).not.toMatch(/NaN|undefined|Infinity/);
  if (what.reason) expect(limit.why).toContain(what.reason);
});

const named = (sink: string, is: Limit["is"], lagAfter: number) =>
  fakeProfile({ sink, lagAfter, limit: { is, why: `${sink} is slow.`, help: "Help it." } });
const IDLE = { busyShare: 0.1 };

test("the bottleneck is the sink that is furthest behind of those that do not keep up", () => {
  const sinks = [named("a", "nothing", 90_000), named("b", "thread", 5000), named("c", "back end", 8000)];
  expect(bottleneckOf(sinks, IDLE)).toEqual({ sink: "c", is: "back end", why: "c is slow.", help: "Help it." });
});

test("where all that are behind wait for records, it is the log or the supervisor", () => {
  const sinks = [named("a", "log", 5000), named("b", "log", 8000), named("c", "nothing", 0)];
  expect(bottleneckOf(sinks, IDLE)).toMatchObject({
    sink: null,
    is: "log",
    why: expect.stringContaining("log is slow"),
  });
  const saturated = bottleneckOf(sinks, { busyShare: 0.95 });
  expect(saturated).toMatchObject({ sink: null, help: expect.stringContaining("another instance") });
});

test("where all keep up, the busiest would be the next limit", () => {
  const sinks = [fakeProfile({ sink: "a", busyShare: 0.2 }), fakeProfile({ sink: "b", busyShare: 0.7 })];
  expect(bottleneckOf(sinks, IDLE)).toMatchObject({
    sink: null,
    is: "nothing",
    why: expect.stringContaining("b, 70 %"),
  });
  expect(bottleneckOf([], IDLE)).toMatchObject({ sink: null, is: "nothing" });
});

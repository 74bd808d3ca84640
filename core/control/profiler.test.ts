import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { TestPump, type TestSink, until } from "../../test/support/pump.ts";
import { numbered } from "../../test/support/records.ts";
import { CONTROL_ERROR_CODES, ControlError } from "./errors.ts";
import { flameOf, heaviest } from "./flame.ts";
import { shareOf } from "./limit.ts";
import { createProfiler, type Profiler } from "./profiler.ts";

type Sinks = { [name: string]: Omit<TestSink, "module"> };

/** A pump under load until the test ends. */
async function started(sinks: Sinks, records = 60_000): Promise<TestPump> {
  const named = Object.entries(sinks).map(([name, sink]): [string, TestSink] => {
    return [name, { module: "burning.ts", ...sink }];
  });
  const pump = new TestPump(Object.fromEntries(named));
  onTestFinished(async () => {
    // What is in hand need not be delivered.
    await pump.supervisor.stop(300);
    rmSync(pump.folder, { recursive: true, force: true });
  });
  await pump.start(numbered(records));
  await until(() => Object.keys(sinks).every((name) => pump.sink(name).held.records > 0), "the sinks to be at work");
  return pump;
}

function controlOf({ supervisor }: TestPump): Profiler {
  const crew = (sink: string) => {
    const found = supervisor.crew(sink);
    if (!found) throw new ControlError(CONTROL_ERROR_CODES.noSink, `no sink ${sink}`);
    return found;
  };
  return createProfiler({ status: supervisor.status, crew });
}

test.each(["worker", "process"] as const)("a function that burns CPU stands out by name: %s", async (isolation) => {
  const pump = await started({ hot: { type: "burns", plugin: { isolation } } });
  await until(() => pump.sink("hot").actors[0]!.heapBytes > 0, "its heap to be known");
  const profile = await controlOf(pump).profile("hot", 2, true);
  expect(profile).toMatchObject({ sink: "hot", type: "burns", isolation, actors: 1, notes: [], failedCalls: 0 });
  expect(profile.seconds).toBeCloseTo(1, 0);
  expect(profile.calls).toBeGreaterThan(0);
  expect(profile.callMs.p50).toBeGreaterThan(15);
  expect(shareOf(profile, "plugin")).toBeGreaterThan(0.5);
  expect(profile.heapPeakBytes).toBeGreaterThan(1e6);

  const { root, kinds } = flameOf(profile.cpu!.profile, profile.cpu!.host);
  const burning = heaviest(root, 50).find(({ name }) => name === "burnInThePlugin")!;
  expect(burning.kind).toBe("plugin");
  expect(burning.place).toMatch(/^.*test\/sinks\/burning\.ts:\d+$/);
  expect(burning.total / root.total).toBeGreaterThan(0.5);
  expect(kinds.plugin / root.total).toBeGreaterThan(0.3);
});

test("the memory that samples of the stack need is not the sink's", async () => {
  const pump = await started({ slow: { type: "waits", config: { ms: 100 } } });
  const crew = pump.supervisor.crew("slow")!;
  const [[, actor] = expect.unreachable()] = crew.actors();
  const start = actor.startCpuProfile.bind(actor);
  actor.startCpuProfile = () => {
    const grown = { heap: 1e12, external: 1e12 };
    Object.defineProperty(actor, "heap", { get: () => grown, set: () => {} });
    return start();
  };
  const { heapBytes, heapPeakBytes, externalBytes, externalPeakBytes } = await controlOf(pump).profile("slow", 1, true);
  expect(heapBytes).toBeLessThanOrEqual(heapPeakBytes);
  expect(externalBytes).toBeLessThanOrEqual(externalPeakBytes);
});

test("a sink that waits for its back end says so, and its time adds up", async () => {
  const control = controlOf(await started({ slow: { type: "waits", config: { ms: 100 } } }));
  const profile = await control.profile("slow", 1, false);
  expect(profile.cpu).toBeNull();
  expect(shareOf(profile, "backEnd")).toBeGreaterThan(0.5);
  expect(profile.limit.is).toBe("back end");
  const all = Object.values(profile.timeMs).reduce((sum, ms) => sum + ms, 0);
  expect(all / 1000).toBeCloseTo(profile.seconds, 0);
  expect(profile.callMs.p50).toBeGreaterThan(95);
});

test("a call that was under way before counts as waiting", async () => {
  const control = controlOf(await started({ slow: { type: "waits", config: { ms: 20_000 } } }));
  const profile = await control.profile("slow", 1, false);
  expect(profile.calls).toBe(0);
  expect(shareOf(profile, "backEnd")).toBeGreaterThan(0.5);
});

test("a sink whose calls fail is said to fail", async () => {
  const pump = await started({ broken: { type: "fails" } });
  await until(() => pump.sink("broken").reason !== null, "a call to fail");
  const profile = await controlOf(pump).profile("broken", 2, false);
  expect(profile.limit.is).toBe("failing");
  expect(profile.limit.why).toContain("the back end is down");
  expect(shareOf(profile, "retry")).toBeGreaterThan(0.3);
});

test("an actor that is stuck does not answer: that is said, and it can be sampled all the same", async () => {
  const control = controlOf(await started({ stuck: { type: "hangs" } }));
  const profile = await control.profile("stuck", 2, true);
  expect(profile.actors).toBe(0);
  expect(profile.notes).toEqual([expect.stringContaining("Actor 0 does not answer")]);
  expect(profile.limit).toMatchObject({ is: "blocked", why: profile.notes[0] });
  const { root } = flameOf(profile.cpu!.profile, profile.cpu!.host);
  expect(heaviest(root, 10).map(({ name }) => name)).toContain("burnInThePlugin");
});

test("all sinks together: the one that is furthest behind is the bottleneck", async () => {
  const control = controlOf(
    await started({ hot: { type: "burns", config: { ms: 1 } }, slow: { type: "waits", config: { ms: 300 } } }),
  );
  const { sinks, bottleneck, supervisor } = await control.profileAll(2);
  expect(sinks.map(({ sink }) => sink)).toEqual(["hot", "slow"]);
  expect(bottleneck).toMatchObject({ sink: "slow", is: "back end" });
  expect(supervisor.busyShare).toBeGreaterThan(0);
});

test("measuring ends early when whoever asked goes away, and leaves nothing on", async () => {
  const control = controlOf(await started({ hot: { type: "burns" } }));
  const gone = new AbortController();
  const began = performance.now();
  const profile = control.profile("hot", 100, true, gone.signal);
  await sleep(300);
  await expect(control.profile("hot", 5, true)).rejects.toMatchObject({ code: "SLUICE_CONTROL_BUSY" });
  gone.abort();
  expect((await profile).cpu).toBeNull();
  expect(performance.now() - began).toBeLessThan(20_000);
  expect((await control.profile("hot", 1, true)).cpu).not.toBeNull();
});

test("what cannot be measured is refused", async () => {
  const control = controlOf(await started({ hot: { type: "burns" } }));
  await expect(control.profile("other", 1, false)).rejects.toMatchObject({ code: "SLUICE_CONTROL_NO_SINK" });
  for (const seconds of [0, 121, Number.NaN]) {
    await expect(control.profile("hot", seconds, false)).rejects.toMatchObject({ code: "SLUICE_CONTROL_BAD_REQUEST" });
  }
  const many = new AbortController();
  const running = Array.from({ length: 8 }, () => control.profile("hot", 60, false, many.signal));
  await expect(control.profileAll(1)).rejects.toMatchObject({ code: "SLUICE_CONTROL_BUSY" });
  many.abort();
  await Promise.all(running);
});

test("a sink that a reload takes away meanwhile is left out, and said to be gone where it alone was asked for", async () => {
  const { supervisor } = await started({ hot: { type: "burns" }, old: { type: "burns" } });
  let gone = false;
  const { sinks, ...rest } = supervisor.status();
  const profiler = createProfiler({
    status: () => ({ ...rest, sinks: sinks.filter(({ name }) => !gone || name !== "old") }),
    crew: (sink) => supervisor.crew(sink)!,
  });
  const all = profiler.profileAll(1);
  const one = profiler.profile("old", 1, false);
  gone = true;
  await expect(one).rejects.toMatchObject({ code: "SLUICE_CONTROL_NO_SINK" });
  expect((await all).sinks.map(({ sink }) => sink)).toEqual(["hot"]);
});

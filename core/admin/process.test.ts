import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { exposition } from "./exposition.ts";
import { GC_BOUNDS, type ProcessState, watchProcess } from "./process.ts";
import { PROCESS_FAMILIES } from "./process-families.ts";

const look = watchProcess();

test("a thread that was busy is seen in the lag until the next look", async () => {
  await sleep(300);
  const until = performance.now() + 700;
  while (performance.now() < until);
  let lag = look().lag;
  for (let i = 0; lag.max < 0.3 && i < 100; i++) {
    await sleep(20);
    lag = look().lag;
  }
  expect(lag.max).toBeGreaterThan(0.3);
  expect(lag.max).toBeGreaterThanOrEqual(lag.p99);
  expect(lag.p99).toBeGreaterThanOrEqual(lag.p50);
});

test("collections of garbage are counted by kind, cumulatively", async () => {
  let collections = look().collections;
  for (let i = 0; collections.length === 0 && i < 200; i++) {
    Array.from({ length: 100_000 }, (_, j) => ({ j }));
    await sleep(5);
    collections = look().collections;
  }
  const [{ kind, upTo }] = collections as [ProcessState["collections"][number]];
  expect(["major", "minor", "incremental", "weakcb"]).toContain(kind);
  expect(upTo).toHaveLength(GC_BOUNDS.length + 1);
  expect(upTo).toEqual(upTo.toSorted((a, b) => a - b));
  expect(upTo.at(-1)).toBeGreaterThan(0);
});

test("what the system tells is there where it tells it", () => {
  const { cpu, heap, memory, files, startedAt } = look();
  expect(cpu.user).toBeGreaterThan(0);
  expect(Math.abs(startedAt - (Date.now() / 1000 - process.uptime()))).toBeLessThan(5);
  expect(heap.total).toBeGreaterThanOrEqual(heap.used);
  if (process.platform !== "linux") return;
  expect(memory!.resident).toBeGreaterThan(10e6);
  expect(memory!.virtual).toBeGreaterThan(memory!.resident);
  expect(files!.open).toBeGreaterThan(2);
  expect(files!.most).toBeGreaterThan(files!.open);
});

test("what is not known has no sample", () => {
  const text = exposition(PROCESS_FAMILIES)({ ...look(), memory: null, files: null });
  expect(text).toContain("# TYPE process_open_fds gauge\n#");
  expect(text).toMatch(/^nodejs_heap_space_size_used_bytes\{space="old"\} \d+$/m);
  expect(text).toMatch(/^process_cpu_seconds_total \d+/m);
  expect(text).toMatch(/^nodejs_version_info\{version="v[\d.]+",major="\d+",minor="\d+",patch="\d+"\} 1$/m);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { TestPump, type TestSink, until } from "../support/pump.ts";
import { numbered } from "../support/records.ts";

/** What misbehaves in a process of its own: the same as in a thread, and what no thread would survive. */
const GOOD: TestSink = { type: "good", module: "good.ts" };
const COUNT = 1000;
let pump: TestPump;

afterEach(async () => {
  await pump.stop();
});

async function start(type: string, records: Uint8Array[], sink: Partial<TestSink> = {}): Promise<void> {
  const plugin = { isolation: "process" as const };
  pump = new TestPump({ bad: { type, module: "misbehaving.ts", plugin, ...sink }, good: GOOD });
  await pump.start(records);
}

function expectWhole(name: string, count: number, except: readonly number[] = []): void {
  const seen = new Set(pump.noted(name).map(({ path }) => path));
  const missing = Array.from({ length: count }, (_, i) => i).filter((i) => !except.includes(i) && !seen.has(`/${i}`));
  expect(`${missing.length} missing, first ${missing.slice(0, 5)}`).toBe("0 missing, first ");
}

test("throws: the poison record becomes a dead letter, the rest arrives", async () => {
  await start("throws", numbered(COUNT, { poison: [0, 333, 999] }));
  await pump.delivered("bad", COUNT);
  expectWhole("bad", COUNT, [0, 333, 999]);
  expect(await pump.letters()).toHaveLength(3);
});

for (const type of ["exits-once", "rejects-aside", "half", "floods-log", "aborts-once"]) {
  test(`${type}: everything arrives in the end`, async () => {
    await start(type, numbered(COUNT));
    await pump.delivered("bad", COUNT);
    await pump.delivered("good", COUNT);
    expectWhole("bad", COUNT);
    expectWhole("good", COUNT);
  });
}

test("loops-once: killed after its deadline and the grace, then everything arrives", async () => {
  await start("loops-once", numbered(COUNT), { timeoutMs: 500 });
  await pump.delivered("good", COUNT);
  await pump.delivered("bad", COUNT);
  expectWhole("bad", COUNT);
  expect(pump.sink("bad").restarts).toBe(1);
});

for (const type of ["leaks-heap-once", "leaks-array-once", "leaks-buffers-once"]) {
  test(`${type}: ended at its limit, this process lives`, async () => {
    await start(type, numbered(COUNT), { heapMb: 64 });
    await pump.delivered("bad", COUNT);
    expectWhole("bad", COUNT);
    expect(pump.sink("bad").restarts).toBe(1);
    expect(pump.lines.join("")).toMatch(/MB of \d+ MB allowed|ran out of heap|SIGABRT|SIGTRAP/);
    await pump.delivered("good", COUNT);
  });
}

test("ends when its parent is killed, whatever it is doing", async () => {
  await start("good-too", []);
  const script = fileURLToPath(new URL("../support/process-sink.ts", import.meta.url));
  const parent = spawn(process.execPath, ["--no-warnings", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(parent.stdout.setEncoding("utf8"), "data");
  const file = String(line).trim();
  const pid = Number(readFileSync(file, "utf8"));
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  // Not even its event loop turns.
  process.kill(pid, "SIGSTOP");
  parent.kill("SIGKILL");
  await until(() => !existsSync(`/proc/${pid}`), "its end");
  rmSync(dirname(file), { recursive: true });
});

test("ends with its parent, and tells what it uses", async () => {
  await start("good-too", numbered(COUNT));
  await pump.delivered("bad", COUNT);
  await until(() => pump.sink("bad").cpuSeconds > 0, "its CPU time");
  const pid = Number(readFileSync(`${pump.file("bad")}.pid`, "utf8"));
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  await pump.supervisor.stop(2000);
  await until(() => !existsSync(`/proc/${pid}`), "its end");
});

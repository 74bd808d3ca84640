import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Listener, startListener } from "../../test/support/notify.ts";
import type { Status } from "../supervisor/status.ts";
import { serviceManager } from "./service-manager.ts";

let listener: Listener;
let heard: string[];
let socket: string;

beforeEach(async () => {
  listener = await startListener();
  ({ heard, socket } = listener);
  // What the one before still says is not this one's.
  const mine: string[] = [];
  warnings = mine;
  warn = (message) => void mine.push(message);
});

afterEach(() => {
  vi.useRealTimers();
  listener?.stop();
});

const sink = (name: string, ready: boolean) => ({ name, ready, state: ready ? "open" : "opening" });
const saying = (logError: string | null, ...sinks: object[]) => ({ logError, sinks }) as unknown as Status;
let warnings: string[];
let warn: (message: string) => void;
const whole = { timeout: 30_000 };

test("running, what it waits for, reloading, stopping: in this order", async () => {
  const manager = serviceManager({ env: { ...process.env, NOTIFY_SOCKET: socket }, warn });
  let status = saying("Redis is\naway", sink("a", false));
  manager.running({ status: () => status, measure: async () => {} });
  await expect.poll(() => heard, whole).toEqual(["READY=1 STATUS=The log is out of reach: Redis is away"]);
  status = saying(null, sink("a", true), sink("b", false));
  await expect.poll(() => heard.at(-1), whole).toBe("STATUS=Not all sinks take records: b is opening");
  status = saying(null, sink("a", true), sink("b", true));
  await expect.poll(() => heard.at(-1), whole).toBe("STATUS=All 2 sinks take records");
  expect(await manager.reloading(async () => 7)).toBe(7);
  await expect(manager.reloading(() => Promise.reject(new Error("invalid")))).rejects.toThrow("invalid");
  await manager.stopping();
  await expect.poll(() => heard.at(-1), whole).toMatch(/^STOPPING=1 STATUS=Stopping/);
  expect(heard.slice(3, -1)).toEqual([
    expect.stringMatching(/^RELOADING=1 MONOTONIC_USEC=\d+$/),
    "READY=1 STATUS=All 2 sinks take records",
    expect.stringMatching(/^RELOADING=1 /),
    "READY=1 STATUS=All 2 sinks take records",
  ]);
  expect(warnings).toEqual([]);
});

test("the watchdog is fed while the log answers, were it with an error, and not when it hangs", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  const env = { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "60000000", WATCHDOG_PID: String(process.pid) };
  const manager = serviceManager({ env, warn });
  let answer: () => Promise<void> = () => Promise.reject(new Error("away"));
  manager.running({ status: () => saying(null), measure: () => answer() });
  const fed = () => heard.filter((line) => line === "WATCHDOG=1").length;
  for (let times = 1; times <= 8; times++) {
    // Five more: two minutes of patience.
    if (times === 4) answer = () => new Promise(() => {});
    await vi.advanceTimersByTimeAsync(30_000);
    await vi.waitUntil(() => fed() === times, whole);
  }
  await vi.advanceTimersByTimeAsync(600_000);
  manager.stopping();
  await vi.waitUntil(() => heard.at(-1)?.startsWith("STOPPING"), whole);
  expect(fed()).toBe(8);
});

test("nothing without systemd; the watchdog of another process is left alone; a failure is said once", async () => {
  const alone = serviceManager({ env: {}, warn });
  const measure = vi.fn(async () => {});
  alone.running({ status: () => saying(null), measure });
  expect(await alone.reloading(async () => 1)).toBe(1);
  await alone.stopping();
  expect(warnings).toEqual([]);

  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const env = { PATH: process.env.PATH, NOTIFY_SOCKET: join(socket, "none"), WATCHDOG_USEC: "1000", WATCHDOG_PID: "1" };
  const manager = serviceManager({ env, warn });
  manager.running({ status: () => saying(null), measure });
  await vi.advanceTimersByTimeAsync(10_000);
  manager.stopping();
  await vi.waitUntil(() => warnings.length > 0, whole);
  expect(warnings).toEqual([expect.stringContaining("systemd does not hear of this pump")]);
  expect(measure).not.toHaveBeenCalled();
});

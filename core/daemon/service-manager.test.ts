import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CouldNotRun } from "../../test/support/could-not-run.ts";
import type { Status } from "../supervisor/status.ts";
import { serviceManager } from "./service-manager.ts";

/** In place of systemd: prints what it hears, one message a line. Perl is on every Debian; Node has no such sockets. */
const LISTEN = `use Socket; $| = 1;
socket(S, AF_UNIX, SOCK_DGRAM, 0) and bind(S, pack_sockaddr_un($ARGV[0])) or die $!;
print "listening\\n";
while (defined recv(S, $_, 65536, 0)) { s/\\n/ /g; print "$_\\n" unless /^BARRIER/ }`;

let folder: string;
let listener: ChildProcess;
let heard: string[];
let socket: string;

beforeEach(async () => {
  for (const program of ["perl", "systemd-notify"]) {
    if (spawnSync(program, ["--version"]).error) throw new CouldNotRun(`${program} is missing; install systemd`);
  }
  folder = mkdtempSync(join(tmpdir(), "sluice-notify-"));
  socket = join(folder, "notify");
  heard = [];
  listener = spawn("perl", ["-e", LISTEN, socket], { stdio: ["ignore", "pipe", "inherit"] });
  listener.stdout!.setEncoding("utf8").on("data", (text: string) => heard.push(...text.trimEnd().split("\n")));
  await once(listener.stdout!, "data");
  heard.length = 0;
});

afterEach(() => {
  vi.useRealTimers();
  listener?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const sink = (name: string, ready: boolean) => ({ name, ready, state: ready ? "open" : "opening" });
const saying = (logError: string | null, ...sinks: object[]) => ({ logError, sinks }) as unknown as Status;
const warnings: string[] = [];
const warn = (message: string) => void warnings.push(message);
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
  manager.stopping();
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
  for (const times of [1, 2, 3]) {
    await vi.advanceTimersByTimeAsync(30_000);
    await vi.waitUntil(() => fed() === times, whole);
  }
  answer = () => new Promise(() => {});
  // Two minutes of patience, and the call that began it.
  await vi.advanceTimersByTimeAsync(600_000);
  await vi.waitUntil(() => fed() === 8, whole);
  manager.stopping();
  await vi.waitUntil(() => heard.at(-1)?.startsWith("STOPPING"), whole);
  expect(fed()).toBe(8);
});

test("nothing without systemd; the watchdog of another process is left alone; a failure is said once", async () => {
  const alone = serviceManager({ env: {}, warn });
  const measure = vi.fn(async () => {});
  alone.running({ status: () => saying(null), measure });
  expect(await alone.reloading(async () => 1)).toBe(1);
  alone.stopping();
  expect(warnings).toEqual([]);

  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const env = { PATH: process.env.PATH, NOTIFY_SOCKET: join(folder, "none"), WATCHDOG_USEC: "1000", WATCHDOG_PID: "1" };
  const manager = serviceManager({ env, warn });
  manager.running({ status: () => saying(null), measure });
  await vi.advanceTimersByTimeAsync(10_000);
  manager.stopping();
  await vi.waitUntil(() => warnings.length > 0, whole);
  expect(warnings).toEqual([expect.stringContaining("systemd does not hear of this pump")]);
  expect(measure).not.toHaveBeenCalled();
});

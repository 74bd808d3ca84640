/**
 * Runs the daemon as `sluice start` does, with its own configuration loader, log, supervisor and health server, and tells
 * the parent what was used between the last look at an empty list and the moment when the expected sinks had everything.
 */
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { loggerFor, reportProblems } from "../core/cli/configuration.ts";
import { run } from "../core/cli/run.ts";
import { realParts } from "../core/cli/wiring.ts";
import { loadConfig } from "../core/config/load.ts";
import type { Order, Report, SinkReport } from "./pump.ts";

const LOOK_MS = 25;

const { conf, lockFile, records, expect } = JSON.parse(process.argv[2]!) as Order;
// The parent is gone.
process.on("disconnect", () => process.exit(1));
const tell = (report: Report) => process.send!(report);

const loaded = loadConfig({ file: conf, env: {}, cwd: process.cwd(), lockFile });
const { config } = loaded;
const logger = loggerFor(config);
if (!reportProblems(loaded, logger)) throw new Error("the configuration is at fault");
const log = await realParts.createLog(config, logger);
const running = await run({ config, log, parts: realParts, logger });

const usage = () => ({
  at: performance.now(),
  process: cpu(process.cpuUsage()) + cpuOfChildren(),
  main: cpu(process.threadCpuUsage()),
});
let phase: "starting" | "open" | "draining" = "starting";
let idle = usage();
const finished = new Map<string, number>();

const timer = setInterval(() => {
  const { sinks, lists, logError } = running.status();
  if (
    phase === "starting" &&
    logError === null &&
    sinks.every(({ state }) => state === "open" || state === "suspended")
  ) {
    phase = "open";
    tell({ t: "open" });
  }
  if (phase !== "draining") {
    // One of several may get what another one has claimed.
    if (lists.every(({ claimed }) => claimed === 0) && sinks.every(({ delivered }) => delivered === 0)) {
      idle = usage();
      return;
    }
    phase = "draining";
    tell({ t: "draining" });
  }
  for (const { name, delivered } of sinks) {
    if (records !== null && delivered >= records && !finished.has(name)) finished.set(name, performance.now());
  }
  if (records !== null && expect.every((name) => finished.has(name))) void end();
}, LOOK_MS);
if (records === null) process.once("message", () => void end());

async function end(): Promise<void> {
  clearInterval(timer);
  const now = usage();
  const sinks = running.status().sinks.map(({ name, delivered, written, deadLettered }): SinkReport => {
    return { name, delivered, written, deadLettered, seconds: ((finished.get(name) ?? now.at) - idle.at) / 1000 };
  });
  tell({ t: "drained", sinks, cpuSeconds: now.process - idle.process, mainSeconds: now.main - idle.main });
  await once(process, "message");
  await running.stop();
  process.exit();
}

/** Actors in processes of their own; as Linux tells it, in hundredths of a second. */
function cpuOfChildren(): number {
  const children = readdirSync("/proc/self/task").flatMap((task) =>
    read(`/proc/self/task/${task}/children`).split(" "),
  );
  return children.filter(Boolean).reduce((sum, pid) => {
    const [user = "0", system = "0"] = read(`/proc/${pid}/stat`).split(") ").at(-1)!.split(" ").slice(11, 13);
    return sum + (Number(user) + Number(system)) / 100;
  }, 0);
}

/** Empty where it has just ended. */
function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

function cpu({ user, system }: { user: number; system: number }): number {
  return (user + system) / 1e6;
}

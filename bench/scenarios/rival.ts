import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { guard } from "../../test/support/guard.ts";
import { freePort } from "../../test/support/redis.ts";
import type { Backlog } from "../backlog.ts";
import { cpuOf } from "../cpu.ts";
import { csvRows } from "../csv-rows.ts";
import { memoryOf } from "../process.ts";
import { median } from "../stats.ts";
import type { Figure } from "../table.ts";

const SLUICE = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));
const RECORDS = 300_000;
const ROUNDS = 5;
/** For a program to start and to connect; then, to find the list empty. */
const PATIENCE_MS = 60_000;
const EMPTY_MS = 3000;
/** Files that do not grow for so long are complete, or will never be. */
const STILL_MS = 5000;
const LOOK_MS = 20;

/**
 * Another program beside this one: both get the same `pump.conf` with a CSV sink of all fields and the same records in the same
 * Redis, in turns. `command` is run by the shell in a folder of its own; `{conf}` in it is the file. It must end at SIGTERM.
 * Throws Error where a row is missing: a figure without all records is none.
 */
export async function rival(backlog: Backlog, command: string): Promise<Figure[]> {
  const programs = { Sluice: `exec ${quoted(process.execPath)} ${quoted(SLUICE)} start -c {conf}`, rival: command };
  const runs = { Sluice: [] as Run[], rival: [] as Run[] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ["Sluice", "rival"] as const) runs[name].push(await run(backlog, name, programs[name]));
  }
  const measures = [
    { name: "records/s", of: (one: Run) => RECORDS / one.seconds, unit: "records/s" },
    { name: "CPU a record", of: (one: Run) => (one.cpuSeconds / RECORDS) * 1e9, unit: "ns" },
    { name: "resident memory, peak", of: (one: Run) => one.peakMb, unit: "MB" },
  ] as const;
  return measures.flatMap(({ name, of, unit }): Figure[] => {
    const [ours, theirs] = [runs.Sluice.map(of), runs.rival.map(of)];
    const base = median(theirs);
    return [
      { name: `${name}: Sluice`, values: ours, unit },
      { name: `${name}: rival`, values: theirs, unit },
      { name: `  ${name}: times the rival's`, values: ours.map((value) => value / base) },
    ];
  });
}

interface Run {
  /** From the backlog's appearance to the last byte of the files. */
  seconds: number;
  cpuSeconds: number;
  peakMb: number;
}

async function run(backlog: Backlog, name: string, command: string): Promise<Run> {
  await backlog.stage(RECORDS);
  const folder = mkdtempSync(join(tmpdir(), "sluice-rival-"));
  const rows = join(folder, "csv");
  mkdirSync(rows);
  const conf = join(folder, "pump.conf");
  writeFileSync(conf, JSON.stringify(await pumpConf(backlog, rows)));
  let output = "";
  const child = spawn("sh", ["-c", command.replaceAll("{conf}", quoted(conf))], { cwd: folder, detached: true });
  const unguard = guard(-child.pid!);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-4000);
    });
  }
  try {
    await connected(backlog, child);
    await sleep(EMPTY_MS);
    const before = cpuOf(group(child));
    const began = performance.now();
    await backlog.push();
    const ended = await still(rows, child);
    const processes = group(child);
    const arrived = csvRows(rows);
    if (arrived !== RECORDS) throw new Error(`${name} wrote ${arrived} of ${RECORDS} records:\n${output}`);
    const peakMb = processes.reduce((sum, { pid }) => sum + memoryOf(pid, "VmHWM"), 0);
    return { seconds: (ended - began) / 1000, cpuSeconds: cpuOf(processes) - before, peakMb };
  } finally {
    await end(child);
    unguard();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function pumpConf({ storage }: Backlog, csv_dir: string): Promise<object> {
  return {
    analytics_storage_type: "redis",
    analytics_storage_config: { type: "redis", ...storage },
    purge_delay: 1,
    dont_purge_uptime_data: true,
    health_check_endpoint_port: await freePort(),
    log_level: "error",
    pumps: { csv: { type: "csv", meta: { csv_dir } } },
  };
}

/** Waits until somebody besides us is connected to the Redis. */
async function connected({ redis }: Backlog, child: ChildProcess): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  const clients = async () => Number(/^connected_clients:(\d+)/m.exec(await redis.client.info("clients"))?.[1]);
  while ((await clients()) < 2 && performance.now() < until && child.exitCode === null) await sleep(LOOK_MS);
}

/** When the files last grew, ms of the monotonic clock. */
async function still(folder: string, child: ChildProcess): Promise<number> {
  let size = 0;
  let grewAt = performance.now();
  const patience = () => (size === 0 ? PATIENCE_MS : STILL_MS);
  while (performance.now() - grewAt < patience() && child.exitCode === null) {
    // Others, such as a lock's, come and go.
    const files = readdirSync(folder).filter((name) => name.endsWith(".csv"));
    const now = files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
    if (now > size) grewAt = performance.now();
    size = now;
    await sleep(LOOK_MS);
  }
  return grewAt;
}

/** The shell's process, which is the program's where the command begins with `exec`, and all below it. */
function group({ pid }: ChildProcess): { pid: number }[] {
  const children = (of: number): number[] =>
    readdirSync(`/proc/${of}/task`).flatMap((task) =>
      readFileSync(`/proc/${of}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  const all = (of: number): number[] => [of, ...children(of).flatMap(all)];
  return all(pid!).map((one) => ({ pid: one }));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid!, "SIGTERM");
  const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), STILL_MS);
  await once(child, "exit");
  clearTimeout(timer);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

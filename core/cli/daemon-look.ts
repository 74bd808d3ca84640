import { existsSync } from "node:fs";
import { readiness } from "../admin/readiness.ts";
import { formatProblem, type Problem } from "../config/problem.ts";
import type { About, Reloaded } from "../control/control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "../control/errors.ts";
import { type DaemonState, type Found, findDaemon } from "../daemon/state.ts";
import { follow, lastLines } from "../daemon/tail.ts";
import { foreignWords, wordsOf } from "../daemon/words.ts";
import type { Status } from "../supervisor/status.ts";
import { readConfiguration } from "./configuration.ts";
import type { DaemonLogsOptions, InstanceOptions } from "./daemon.ts";
import { DAEMON_EXIT, EXIT } from "./errors.ts";
import { formatDuration, plain } from "./format.ts";
import { type Which, whichPump } from "./instance.ts";
import { say } from "./plugin-folder.ts";
import { statusTable } from "./view.ts";

/** What `sluice daemon status --json` prints. */
interface DaemonReport {
  state: "ready" | "not ready" | "not running";
  /** A daemon, or a pump that something else started; null: none runs. */
  kind: "daemon" | "foreground" | null;
  /** Why it is not ready, or how the last daemon ended; null: nothing to say. */
  reason: string | null;
  pid: number | null;
  version: string | null;
  /** Milliseconds since 1970. */
  startedAt: number | null;
  configuration: string | null;
  /** The daemon's log file, and why it cannot be written. */
  log: string | null;
  logError: string | null;
  sinks: { name: string; type: string; state: string; ready: boolean; reason: string | null; lag: number }[];
}

/** `sluice daemon status` */
export async function status(options: InstanceOptions): Promise<number> {
  const which = whichPump(options);
  const there: Found = options.socket === undefined ? findDaemon(which.instance) : { found: "none", crashed: null };
  const { report, seen } = await look(which, there);
  if (options.json) say(JSON.stringify(report, null, 2));
  else for (const line of reportLines(report, which, seen)) say(line);
  return report.state === "ready"
    ? EXIT.ok
    : report.state === "not ready"
      ? DAEMON_EXIT.notReady
      : DAEMON_EXIT.notRunning;
}

async function look(which: Which, there: Found): Promise<{ report: DaemonReport; seen: Status | null }> {
  const daemon = there.found === "running" ? there.state : null;
  try {
    const [about, seen] = await Promise.all([which.client.about(), which.client.status()]);
    return { report: { ...ofPump(about, seen, daemon), ...ofDaemon(daemon) }, seen };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    if (error.code === CONTROL_ERROR_CODES.denied) throw error;
    const report: DaemonReport = { ...NOT_RUNNING, ...ofDaemon(daemon) };
    if (there.found === "none") return { report: { ...report, reason: crashReason(which, there.crashed) }, seen: null };
    const { pid = null, version = null, startedAt = null, configuration = null } = daemon ?? {};
    const known = { pid, version, startedAt, configuration };
    return {
      report: { ...report, ...known, state: "not ready", kind: "daemon", reason: "it does not answer yet" },
      seen: null,
    };
  }
}

const NOT_RUNNING: DaemonReport = {
  state: "not running",
  kind: null,
  reason: null,
  pid: null,
  version: null,
  startedAt: null,
  configuration: null,
  log: null,
  logError: null,
  sinks: [],
};

function ofPump(
  { version, pid, startedAt, configuration }: About,
  seen: Status,
  daemon: DaemonState | null,
): DaemonReport {
  const { ready, log } = readiness(seen);
  const waiting = seen.sinks.filter((sink) => !sink.ready).map(({ name }) => `sink ${name}`);
  return {
    ...NOT_RUNNING,
    state: ready ? "ready" : "not ready",
    kind: daemon?.pid === pid ? "daemon" : "foreground",
    reason: ready ? null : (log.reason ?? `not all sinks take records: ${waiting.join(", ")}`),
    ...{ pid, version, startedAt, configuration },
    sinks: seen.sinks.map(({ name, type, state, ready, reason, lag }) => ({
      ...{ name, type, state, ready, reason },
      lag: lag.records,
    })),
  };
}

function ofDaemon(daemon: DaemonState | null): Pick<DaemonReport, "log" | "logError"> {
  return { log: daemon?.log.file ?? null, logError: daemon?.logError ?? null };
}

function crashReason({ instance }: Which, crashed: DaemonState | null): string | null {
  if (crashed === null) return null;
  const said = foreignWords(wordsOf(instance)).at(0);
  return `the last daemon (process ${crashed.pid}) failed or was killed${said === undefined ? "" : `: ${said}`}`;
}

function reportLines(report: DaemonReport, { name }: Which, seen: Status | null): string[] {
  const { state, kind, pid, version, startedAt, reason, log, logError } = report;
  if (state === "not running") return [`No daemon runs on ${name}${reason === null ? "" : `: ${plain(reason)}`}.`];
  const who = kind === "foreground" ? "A pump runs in the foreground" : "The daemon runs";
  const up = startedAt === null ? "" : `, up ${formatDuration(Date.now() - startedAt)}`;
  return [
    `${who} on ${name} and is ${state}: process ${pid ?? "unknown"}, version ${version ?? "unknown"}${up}.`,
    ...(reason === null ? [] : [`Not ready: ${plain(reason)}`]),
    ...(log === null ? [] : [`Its log is ${log}`]),
    ...(logError === null ? [] : [`Its log cannot be written for now: ${plain(logError)}`]),
    ...(seen === null ? [] : ["", ...statusTable(seen)]),
  ];
}

/** `sluice daemon reload` */
export async function reload(options: InstanceOptions): Promise<number> {
  const { client, name } = whichPump(options);
  try {
    const reloaded = await client.reload();
    if (options.json) say(JSON.stringify(reloaded, null, 2));
    else for (const line of reloadedLines(reloaded)) say(line);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ControlError) || error.code !== CONTROL_ERROR_CODES.invalid) throw error;
    const problems = (error.problems ?? []) as readonly Problem[];
    if (options.json) say(JSON.stringify({ error: { code: error.code, message: error.message, problems } }, null, 2));
    else for (const problem of problems) process.stderr.write(`${plain(formatProblem(problem))}\n`);
    process.stderr.write(
      `sluice: error: ${name} is not taken, and the pump goes on as it was: see the errors above.\n`,
    );
    return EXIT.failed;
  }
}

function reloadedLines({ started, stopped, replaced, unchanged, restart }: Reloaded): string[] {
  const named = Object.entries({ started, stopped, replaced }).filter(([, sinks]) => sinks.length > 0);
  const changes = named.map(([what, sinks]) => `${what} ${plain(sinks.join(", "))}`);
  return [
    changes.length === 0 ? "Nothing of the sinks has changed." : `Sinks: ${changes.join("; ")}.`,
    ...(unchanged.length === 0 || changes.length === 0 ? [] : [`As they were: ${plain(unchanged.join(", "))}.`]),
    ...(restart.length === 0 ? [] : [`Takes effect only after a restart: ${plain(restart.join(", "))}.`]),
  ];
}

/** `sluice daemon logs` */
export async function logs(options: DaemonLogsOptions): Promise<number> {
  const file = await logOf(options);
  // Begun before the end of the log is read: a line may come twice, none is left out.
  const last = lastLines(file, options.lines);
  process.stdout.write(last);
  if (last === "" && !existsSync(file)) process.stderr.write(`There is no log ${file} yet: no daemon has run.\n`);
  if (options.follow !== true) return EXIT.ok;
  const over = new AbortController();
  process.stdout.once("error", () => over.abort());
  process.once("SIGINT", () => over.abort());
  for await (const lines of follow(file, over.signal)) process.stdout.write(lines);
  return EXIT.ok;
}

/** Of the daemon that runs or has crashed, else as configured. */
async function logOf(options: DaemonLogsOptions): Promise<string> {
  const { instance } = whichPump(options);
  const there = findDaemon(instance);
  const state = there.found === "running" ? there.state : there.found === "none" ? there.crashed : null;
  if (state !== null) return state.log.file;
  const { config } = await readConfiguration(options);
  return config.daemon.file ?? instance.logFile;
}

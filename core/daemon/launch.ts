import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT, FLAGS } from "../cli/settle.js";
import type { ControlClient } from "../control/client.ts";
import { type Instance, makeFolder } from "../control/instance.ts";
import type { LogFormat } from "../logging/format.ts";
import type { Status } from "../supervisor/status.ts";
import { DAEMON_ERROR_CODES, DaemonError } from "./errors.ts";
import type { DaemonLog } from "./state.ts";
import { lastWords, wordsOf } from "./words.ts";

const COMMAND = fileURLToPath(new URL("../cli/sluice.js", import.meta.url));
const LOOK_MS = 50;

/** What the process that becomes the daemon is told, in one argument. */
export interface Launch {
  /** Absolute; null: variables and defaults alone. */
  configuration: string | null;
  log: DaemonLog;
  format: LogFormat;
  stopMs: number;
  /** Takes its standard error: what it says until it has its log, and what the system or the runtime says when it dies. */
  words: string;
}

export interface LaunchOptions extends Omit<Launch, "words"> {
  instance: Instance;
  debug: boolean;
  timeoutMs: number;
  client: ControlClient;
}

export type Launched =
  | { pid: number; ready: true }
  /** It runs, and this is what it waits for. */
  | { pid: number; ready: false; reason: string };

/**
 * Starts the daemon, in a session of its own, and waits until it is ready: its log is within reach and its sinks open. Throws
 * DaemonError with its own words where it ends before.
 */
export async function launch(options: LaunchOptions): Promise<Launched> {
  const { instance, configuration, debug, log, format, stopMs } = options;
  makeFolder(instance);
  checkLog(log.file);
  const words = join(instance.folder, `words-${randomUUID()}`);
  const told: Launch = { configuration, log, format, stopMs, words };
  const args = ["daemon", "run", JSON.stringify(told), ...(configuration === null ? [] : ["-c", configuration])];
  const child = spawnDetached([...args, ...(debug ? ["--debug"] : [])], words, `${log.file}.stdout`);
  try {
    return await ready(child, options);
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    // Its own under this name once it had the lock.
    const said = lastWords(existsSync(words) ? words : wordsOf(instance));
    throw said.length === 0 ? error : new DaemonError(error.code, said.join("\n"));
  } finally {
    rmSync(words, { force: true });
  }
}

/** As settle.js would go on: the process is the one that is started here. */
function spawnDetached(args: readonly string[], words: string, output: string): ChildProcess {
  const stderr = openSync(words, "ax", 0o600);
  const stdout = openSync(output, "a", 0o640);
  const child = spawn(process.execPath, [...FLAGS, ...process.execArgv, COMMAND, ...args], {
    detached: true,
    env: { ...ENVIRONMENT, ...process.env },
    stdio: ["ignore", stdout, stderr],
  });
  closeSync(stderr);
  closeSync(stdout);
  child.unref();
  return child;
}

class Ended extends DaemonError {}

async function ready(child: ChildProcess, { client, timeoutMs }: LaunchOptions): Promise<Launched> {
  let failed: Error | null = null;
  child.once("error", (error) => {
    failed = new DaemonError(DAEMON_ERROR_CODES.ended, "The daemon could not be started.", { cause: error });
  });
  const until = performance.now() + timeoutMs;
  for (;;) {
    if (failed !== null) throw failed;
    const { exitCode, signalCode, pid } = child;
    if (exitCode !== null || signalCode !== null) {
      const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
      throw new Ended(DAEMON_ERROR_CODES.ended, `The daemon ended ${how} before it was ready, without a word.`);
    }
    const reason = await notReady(client, pid!);
    if (reason === null) return { pid: pid!, ready: true };
    if (performance.now() > until) return { pid: pid!, ready: false, reason };
    await sleep(LOOK_MS);
  }
}

/** Null: it is. */
async function notReady(client: ControlClient, pid: number): Promise<string | null> {
  try {
    const about = await client.about();
    if (about.pid !== pid) return `another pump (process ${about.pid}) answers in its place`;
    return waitsFor(await client.status());
  } catch {
    return "it does not answer yet";
  }
}

/** What a daemon still waits for before it is ready. Null: nothing. */
function waitsFor({ logError, sinks }: Status): string | null {
  if (logError !== null) return `the log is out of reach: ${logError}`;
  const waiting = sinks.filter((sink) => !sink.ready);
  if (waiting.length === 0) return null;
  return waiting
    .map(({ name, state, reason }) => `sink ${name} is ${state}${reason === null ? "" : `: ${reason}`}`)
    .join("; ");
}

/** A log that cannot be written is worth refusing a start for, unless the disk is only full for now. */
function checkLog(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    closeSync(openSync(file, "a", 0o640));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOSPC") return;
    const message = `The log ${file} cannot be written: correct sluice.daemon.log_file, or the rights of that folder.`;
    throw new DaemonError(DAEMON_ERROR_CODES.files, message, { cause });
  }
}

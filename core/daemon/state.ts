import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DaemonConfig } from "../config/config.ts";
import type { Instance } from "../control/instance.ts";
import { isLocked } from "./lock.ts";
import { isAlive, type ProcessIdentity } from "./process.ts";

export interface DaemonLog extends DaemonConfig {
  file: string;
}

/** What a daemon tells the commands of itself, in a file beside its pid file. */
export interface DaemonState extends ProcessIdentity {
  version: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Absolute; null: variables and defaults alone. */
  configuration: string | null;
  stopMs: number;
  log: DaemonLog;
  /** Why the log cannot be written; null: it can. */
  logError: string | null;
}

/** Of one configuration: is there a daemon, and if there is none, how did the last one end? */
export type Found =
  | { found: "running"; state: DaemonState }
  /** Something holds the lock and does not say what it is: a daemon in its first or last moments. */
  | { found: "unknown" }
  /** `crashed`: it did not end in order. */
  | { found: "none"; crashed: DaemonState | null };

export function findDaemon(instance: Instance): Found {
  const locked = isLocked(instance.lockFile);
  const state = readState(instance);
  if (!locked) return { found: "none", crashed: state };
  // The file of an earlier daemon is still there while the next one begins.
  return state !== null && isAlive(state) ? { found: "running", state } : { found: "unknown" };
}

/** Both files are replaced whole: a reader never sees a part. */
export function writeState(instance: Instance, state: DaemonState): void {
  replace(stateFile(instance), `${JSON.stringify(state)}\n`);
  replace(instance.pidFile, `${state.pid}\n`);
}

/** False: there was none of this process. */
export function removeState(instance: Instance, { pid }: ProcessIdentity): boolean {
  if (readState(instance)?.pid !== pid) return false;
  for (const file of [instance.pidFile, stateFile(instance)]) rmSync(file, { force: true });
  return true;
}

function readState(instance: Instance): DaemonState | null {
  try {
    return JSON.parse(readFileSync(stateFile(instance), "utf8")) as DaemonState;
  } catch {
    return null;
  }
}

function stateFile({ folder }: Instance): string {
  return join(folder, "daemon.json");
}

function replace(file: string, text: string): void {
  const next = `${file}.${process.pid}`;
  writeFileSync(next, text, { mode: 0o600 });
  renameSync(next, file);
}

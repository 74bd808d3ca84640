import { setTimeout as sleep } from "node:timers/promises";
import type { Instance } from "../control/instance.ts";
import { DAEMON_ERROR_CODES, DaemonError } from "./errors.ts";
import { isLocked } from "./lock.ts";
import { isAlive } from "./process.ts";
import { type DaemonState, removeState } from "./state.ts";

/** What a stop may take beyond its configured time: the log, health connections and statistics are closed after it. */
const MARGIN_MS = 10_000;
const KILL_MS = 5000;
const LOOK_MS = 30;

export interface Stopped {
  pid: number;
  ms: number;
  /** `failed`: it says why in its log; `killed`: at once, as was asked for; `overdue`: it did not end in its time, and was killed. */
  how: "in order" | "failed" | "killed" | "overdue";
}

/**
 * Asks the daemon to stop, and waits for its end: at most its configured time and 10 s, then it is killed. Throws DaemonError
 * where it belongs to somebody else or does not even die.
 */
export async function stopDaemon(instance: Instance, state: DaemonState, { now }: { now: boolean }): Promise<Stopped> {
  const began = performance.now();
  const gone = (how: Stopped["how"]): Stopped => ({ pid: state.pid, ms: performance.now() - began, how });
  // Its threads may outlive its first one by a moment, and with them its lock.
  const isGone = () => !isAlive(state) && !isLocked(instance.lockFile);
  if (!now) {
    signal(state, "SIGTERM");
    if (await waitUntil(isGone, state.stopMs + MARGIN_MS))
      return gone(removeState(instance, state) ? "failed" : "in order");
  }
  signal(state, "SIGKILL");
  if (!(await waitUntil(isGone, KILL_MS))) {
    const message = `The daemon (process ${state.pid}) does not end, not even when it is killed: it waits for a disk or a file system.`;
    throw new DaemonError(DAEMON_ERROR_CODES.unknown, message);
  }
  removeState(instance, state);
  return gone(now ? "killed" : "overdue");
}

function signal({ pid }: DaemonState, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    // It has just ended.
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return;
    const message = `The daemon (process ${pid}) belongs to another user: run this as the user that started it.`;
    throw new DaemonError(DAEMON_ERROR_CODES.denied, message, { cause });
  }
}

async function waitUntil(condition: () => boolean, ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > until) return false;
    await sleep(LOOK_MS);
  }
  return true;
}

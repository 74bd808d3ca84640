import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Status } from "../supervisor/status.ts";

/** What the service manager is told, and what it is for: sd_notify(3). Nothing happens where there is none. */
export interface ServiceManager {
  /**
   * Says that the pump runs, then what it waits for whenever that changes. Where a watchdog is set it is fed at twice its pace,
   * as long as the event loop turns and `measure` comes to an end within two minutes: with an error too, for a restart does not
   * mend a Redis that is away.
   */
  running(pump: { status(): Status; measure(): Promise<void> }): void;
  /** Says that a reload is under way until `work` is done. */
  reloading<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when it is said, or cannot be. */
  stopping(): Promise<void>;
}

interface Options {
  env?: NodeJS.ProcessEnv;
  /** Told once why nothing can be said. */
  warn(message: string, fields: { error: unknown }): void;
}

const STATUS_MS = 2000;
/** More than any command to Redis may take. */
const STUCK_MS = 120_000;
const SAY_MS = 5000;
/** What is said again anyway is left out while so many wait. */
const WAITING = 3;
const PROGRAM = "systemd-notify";

/**
 * The service manager that started this process, if there is one that wants to hear of it (systemd's `Type=notify`). Node cannot
 * write to its kind of socket; systemd's own program does, and is wherever systemd is.
 */
export function serviceManager({ env = process.env, warn }: Options): ServiceManager {
  if (!env.NOTIFY_SOCKET) {
    return { running() {}, reloading: (work) => work(), stopping: async () => {} };
  }
  let last: Promise<void> = Promise.resolve();
  let failed = false;
  let said = "";
  let timers: NodeJS.Timeout[] = [];
  let waiting = 0;
  // One after the other: what is said last holds.
  const say = (...variables: string[]): void => {
    waiting++;
    last = last
      .then(() => notify(variables, env))
      .catch((error: unknown) => {
        if (!failed) warn(`systemd does not hear of this pump: ${PROGRAM} failed`, { error });
        failed = true;
      })
      .finally(() => waiting--);
  };

  function feed(pace: number, measure: () => Promise<void>): void {
    let since: number | null = null;
    const beat = () => {
      if (since !== null && performance.now() - since > STUCK_MS) return;
      if (waiting < WAITING) say("WATCHDOG=1");
      if (since !== null) return;
      since = performance.now();
      const done = () => {
        since = null;
      };
      measure().then(done, done);
    };
    timers.push(setInterval(beat, pace));
  }

  return {
    running({ status, measure }) {
      said = statusText(status());
      say("READY=1", `STATUS=${said}`);
      const tell = () => {
        const now = statusText(status());
        if (now === said || waiting >= WAITING) return;
        said = now;
        say(`STATUS=${now}`);
      };
      timers.push(setInterval(tell, STATUS_MS));
      const pace = watchdogPace(env);
      if (pace !== null) feed(pace, measure);
    },
    async reloading(work) {
      say("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
      try {
        return await work();
      } finally {
        say("READY=1", `STATUS=${said}`);
      }
    },
    stopping() {
      for (const timer of timers) clearInterval(timer);
      timers = [];
      say("STOPPING=1", "STATUS=Stopping: what is in hand is delivered or stays in the log");
      return Promise.race([last, sleep(2 * SAY_MS, undefined, { ref: false })]);
    },
  };
}

/** Half of what systemd waits for, ms; null: no watchdog, or another process's. */
function watchdogPace({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | null {
  const usec = Number(WATCHDOG_USEC);
  if (!(usec > 0) || (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid)) return null;
  return usec / 2000;
}

function statusText({ logError, sinks }: Status): string {
  const waiting = sinks.filter(({ ready }) => !ready).map(({ name, state }) => `${name} is ${state}`);
  const text =
    logError !== null
      ? `The log is out of reach: ${logError}`
      : waiting.length > 0
        ? `Not all sinks take records: ${waiting.join(", ")}`
        : sinks.length === 1
          ? "The sink takes records"
          : `All ${sinks.length} sinks take records`;
  // One line, and of a size that every version takes.
  return text.replace(/\s+/g, " ").slice(0, 1000);
}

function notify(variables: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(PROGRAM, variables, { env, timeout: SAY_MS }, (error) => (error ? reject(error) : resolve()));
  });
}

import { renameSync, utimesSync, writeSync } from "node:fs";
import type { Instance } from "../control/instance.ts";
import { createLogger } from "../logging/logger.ts";
import { DAEMON_ERROR_CODES, DaemonError } from "./errors.ts";
import type { Launch } from "./launch.ts";
import { holdLock } from "./lock.ts";
import { thisProcess } from "./process.ts";
import { RotatingFile } from "./rotating-file.ts";
import { type DaemonState, removeState, writeState } from "./state.ts";
import { foreignWords, wordsOf } from "./words.ts";

const STANDARD_ERROR = 2;
/** Of the beginning, what is written to standard error too: whoever starts the daemon shows it when it fails. */
const SHOWN_BYTES = 64 * 1024;
const TOUCH_MS = 6 * 3600 * 1000;

/** This process as a daemon. */
export interface Daemon {
  /** Writes a line to its log. */
  write(line: string): void;
  /** Tells the commands what a stop may take from now on. */
  stopsWithin(ms: number): void;
}

/**
 * Makes this process the daemon of the instance, until it ends: holds the lock, and says so in its files. Throws DaemonError
 * where another daemon runs.
 */
export function becomeDaemon(instance: Instance, launch: Launch, version: string): Daemon {
  const release = holdLock(instance.lockFile);
  if (release === null) {
    throw new DaemonError(DAEMON_ERROR_CODES.running, "A daemon runs on this configuration already.");
  }
  const before = takePlace(launch.words, wordsOf(instance));
  const state: DaemonState = {
    ...thisProcess(),
    version,
    startedAt: Date.now(),
    configuration: launch.configuration,
    stopMs: launch.stopMs,
    log: launch.log,
    logError: null,
  };
  const tell = (change: Partial<DaemonState>) => {
    Object.assign(state, change);
    try {
      // Whoever cleans folders of temporary files takes what nobody touched for days.
      utimesSync(instance.lockFile, new Date(), new Date());
      writeState(instance, state);
    } catch {
      // On the same full disk, perhaps. The next change tries again.
    }
  };
  const log = new RotatingFile({
    ...launch.log,
    onTrouble(error) {
      logger.error("The log could not be written; the pump went on", { error });
      tell({ logError: error.message });
    },
    onRecovery(lost) {
      logger.warn(`The log can be written again; ${lost} lines in between are lost`);
      tell({ logError: null });
    },
  });
  let shown = 0;
  const write = (line: string) => {
    log.write(line);
    if (shown < SHOWN_BYTES) show(line);
    shown += line.length;
  };
  const logger = createLogger({ level: "info", format: launch.format, write, prefix: "daemon" });

  tell({});
  setInterval(() => tell({}), TOUCH_MS).unref();
  process.on("exit", (code) => {
    log.close();
    // What did not end well leaves its state, for whoever asks.
    if (code === 0) removeState(instance, state);
    release();
  });
  for (const line of before) logger.warn(`The daemon before said: ${line}`);
  return { write, stopsWithin: (stopMs) => tell({ stopMs }) };
}

/** The file of standard error under its own name; gives what the daemon before left there. */
function takePlace(words: string, place: string): string[] {
  const before = foreignWords(place);
  renameSync(words, place);
  return before;
}

function show(line: string): void {
  try {
    writeSync(STANDARD_ERROR, line);
  } catch {
    // It stands in the log.
  }
}

import type { Loaded } from "../config/load.ts";
import { formatProblem, stopsTheStart } from "../config/problem.ts";
import { ControlError } from "../control/errors.ts";
import { instanceOf } from "../control/instance.ts";
import { DAEMON_ERROR_CODES, DaemonError } from "../daemon/errors.ts";
import { type Launch, launch } from "../daemon/launch.ts";
import { becomeDaemon } from "../daemon/run.ts";
import { type DaemonState, findDaemon } from "../daemon/state.ts";
import { type Stopped, stopDaemon } from "../daemon/stop.ts";
import { configurationFile, readConfiguration } from "./configuration.ts";
import type { DaemonStartOptions, DaemonStopOptions } from "./daemon.ts";
import { DAEMON_EXIT, EXIT } from "./errors.ts";
import { formatDuration, plain, withFullStop } from "./format.ts";
import { type Which, whichPump } from "./instance.ts";
import { say } from "./plugin-folder.ts";
import { start as startHere } from "./start.ts";
import { version } from "./version.ts";
import { realParts } from "./wiring.ts";

/** `sluice daemon start` */
export async function start(options: DaemonStartOptions): Promise<number> {
  const loaded = await startable(options);
  return loaded === null ? EXIT.failed : begin(loaded, options);
}

/** `sluice daemon stop`; there being none is no failure. */
export async function stop(options: DaemonStopOptions): Promise<number> {
  const which = whichPump(options);
  const state = await running(which);
  if (state === null) say(`No daemon runs on ${which.name}.`);
  else say(howItStopped(await stopDaemon(which.instance, state, { now: options.now === true })));
  return EXIT.ok;
}

/** `sluice daemon restart`: what runs is stopped only where the new one would start. */
export async function restart(options: DaemonStartOptions): Promise<number> {
  const loaded = await startable(options);
  if (loaded === null) return EXIT.failed;
  const which = whichPump(options);
  const state = await running(which);
  if (state !== null) say(howItStopped(await stopDaemon(which.instance, state, { now: false })));
  return begin(loaded, options);
}

/** `sluice daemon run`: the daemon itself, called by the above. */
export async function runHere(told: string, options: { conf?: string; debug?: boolean }): Promise<number> {
  const launched = JSON.parse(told) as Launch;
  const daemon = becomeDaemon(instanceOf(launched.configuration), launched, version());
  return startHere({ ...options, demoDays: 0, demoRecordsPerHour: 0, rate: 0 }, realParts, daemon);
}

/** The configuration, or null: it says what is wrong with it. */
async function startable(options: DaemonStartOptions): Promise<Loaded | null> {
  const loaded = await readConfiguration(options);
  for (const problem of loaded.problems) process.stderr.write(`${plain(formatProblem(problem))}\n`);
  if (loaded.demo) {
    process.stderr.write("sluice: error: Nothing is configured: name a configuration with -c.\n");
    return null;
  }
  if (!stopsTheStart(loaded.problems)) return loaded;
  process.stderr.write("sluice: error: Not started: see the errors above.\n");
  return null;
}

async function begin({ config }: Loaded, options: DaemonStartOptions): Promise<number> {
  const which = whichPump(options);
  const { instance } = which;
  await refuseASecond(which);
  const log = { ...config.daemon, file: config.daemon.file ?? instance.logFile };
  const launched = await launch({
    instance,
    configuration: configurationFile(options.conf),
    log,
    format: config.logging.format,
    stopMs: config.stopMs,
    debug: options.debug === true,
    timeoutMs: options.timeout * 1000,
    client: which.client,
  });
  const who = `Sluice runs on ${which.name} as process ${launched.pid}`;
  if (launched.ready) say(`${who}; its log is ${log.file}`);
  else {
    say(`${who}, and is not ready after ${options.timeout} seconds: ${withFullStop(plain(launched.reason))}`);
    say(`It goes on trying. Its log is ${log.file}`);
  }
  return launched.ready ? EXIT.ok : DAEMON_EXIT.notReady;
}

/** Another daemon, or a pump in the foreground that has the control socket, without which no command would reach this one. */
async function refuseASecond({ name, instance, client }: Which): Promise<void> {
  const there = findDaemon(instance);
  if (there.found !== "none") {
    const pid = there.found === "running" ? ` (process ${there.state.pid})` : "";
    throw new DaemonError(DAEMON_ERROR_CODES.running, `A daemon runs on ${name} already${pid}: stop it first.`);
  }
  try {
    const { pid } = await client.about();
    throw new DaemonError(
      DAEMON_ERROR_CODES.running,
      `A pump runs on ${name} in the foreground (process ${pid}): stop it first.`,
    );
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
  }
}

/** Null: none. */
async function running({ name, instance, client }: Which): Promise<DaemonState | null> {
  const there = findDaemon(instance);
  if (there.found === "running") return there.state;
  if (there.found === "none") return null;
  const about = await client.about().catch(() => null);
  const message =
    about === null
      ? `A daemon on ${name} is just starting or ending: try again in a moment.`
      : `The files of the daemon on ${name} are gone: end it with "kill ${about.pid}".`;
  throw new DaemonError(DAEMON_ERROR_CODES.unknown, message);
}

function howItStopped({ how, pid, ms }: Stopped): string {
  if (how === "in order") return `Process ${pid} has stopped in order, in ${formatDuration(ms)}.`;
  if (how === "failed") return `Process ${pid} has stopped, and not in order: \`sluice daemon logs\` shows why.`;
  const nothingLost = "Nothing is lost: what was in hand is delivered again at the next start.";
  if (how === "killed") return `Process ${pid} is killed. ${nothingLost}`;
  return `Process ${pid} did not end within ${formatDuration(ms)} and was killed. ${nothingLost}`;
}

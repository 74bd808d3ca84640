import { type Command, InvalidArgumentError } from "commander";
import { conf, positive } from "./options.ts";

/** Which pump a command is about. */
export interface InstanceOptions {
  conf?: string;
  socket?: string;
  json?: boolean;
}

export interface DaemonStartOptions {
  conf?: string;
  timeout: number;
  debug?: boolean;
}

export interface DaemonStopOptions {
  conf?: string;
  now?: boolean;
}

export interface DaemonLogsOptions {
  conf?: string;
  follow?: boolean;
  lines: number;
}

const STATUS_CODES = `
Exit codes: 0 runs and is ready; 3 does not run; 4 runs and is not ready.
`;

export function addDaemonCommands(program: Command, done: (code: number) => void): void {
  const daemon = program.command("daemon").description("the pump in the background, on machines without systemd");
  const under = (usage: string, description: string): Command =>
    daemon.command(usage).description(description).allowExcessArguments(false).addOption(conf());
  const starts = () => import("./daemon-start.ts");
  const looks = () => import("./daemon-look.ts");

  withStart(under("start", "start it, and wait until it is ready")).action(async (options: DaemonStartOptions) =>
    done(await (await starts()).start(options)),
  );
  under("stop", "stop it in order: what is in hand is delivered or stays in the log")
    .option("--now", "kill it; nothing is lost, but more is delivered again")
    .action(async (options: DaemonStopOptions) => done(await (await starts()).stop(options)));
  withStart(under("restart", "stop it and start it again, unless its configuration has become invalid")).action(
    async (options: DaemonStartOptions) => done(await (await starts()).restart(options)),
  );
  under("status", "does it run, is it ready, and how are its sinks?")
    .option("--socket <path>", "of this control socket, whatever started the pump")
    .option("--json", "print JSON")
    .addHelpText("after", STATUS_CODES)
    .action(async (options: InstanceOptions) => done(await (await looks()).status(options)));
  under("reload", "have it read its configuration again, and change only what differs")
    .option("--socket <path>", "of this control socket, whatever started the pump")
    .option("--json", "print JSON")
    .action(async (options: InstanceOptions) => done(await (await looks()).reload(options)));
  under("logs", "show the end of its log, across rotated files")
    .option("-n, --lines <n>", "how many lines", lineCount, 100)
    .option("-f, --follow", "go on with what is written from now on")
    .action(async (options: DaemonLogsOptions) => done(await (await looks()).logs(options)));
  daemon
    .command("run <launch>", { hidden: true })
    .addOption(conf())
    .option("--debug")
    .action(async (launch: string, options: { conf?: string; debug?: boolean }) =>
      done(await (await starts()).runHere(launch, options)),
    );
}

function withStart(command: Command): Command {
  return command
    .option("--timeout <seconds>", "wait so long for it to be ready", positive, 30)
    .option("--debug", "log at level debug, and show where errors come from");
}

const MOST_LINES = 1_000_000;

function lineCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > MOST_LINES) throw new InvalidArgumentError(`It must be 0 to ${MOST_LINES}.`);
  return value;
}

import { existsSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import type { CheckOptions } from "./check.ts";
import type { ConfigPrintOptions } from "./config-print.ts";
import type { ConsoleOptions } from "./console.ts";
import { addDaemonCommands } from "./daemon.ts";
import { EXIT } from "./errors.ts";
import { addLookCommands } from "./look.ts";
import { addOperateCommands } from "./operate.ts";
import { conf, cut, once, port, positive } from "./options.ts";
import { addPluginCommands } from "./plugin.ts";
import type { SinksOptions } from "./sinks.ts";
import { version } from "./version.ts";

/** Options of `start`: Tyk Pump's flags under its names, and our own. */
export interface StartOptions {
  conf?: string;
  demo?: string;
  demoApi?: string;
  demoApiVersion?: string;
  demoTrackPath?: boolean;
  demoDays: number;
  demoRecordsPerHour: number;
  demoFutureData?: boolean;
  debug?: boolean;
  rate: number;
}

export interface DemoOptions {
  records: number;
  conf?: string;
  seed?: number;
  debug?: boolean;
}

/** Runs one command line to its end; gives the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const tykStyle = args[0]?.startsWith("-") === true || (args.length === 0 && hasConfiguration());
  const isQuestion = ["--help", "-h", "--version"].includes(args[0] ?? "");
  let code: number = EXIT.ok;
  const program = createProgram((result) => {
    code = result;
  });
  if (args.length === 0 && !tykStyle) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync(tykStyle && !isQuestion ? ["start", ...args] : [...args], { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    return tykStyle ? EXIT.failed : EXIT.usage;
  }
}

/** Whether there is anything to configure the real pump with; without, `start` shows a demo. */
export function hasConfiguration(env: NodeJS.ProcessEnv = process.env): boolean {
  return existsSync("pump.conf") || Object.keys(env).some((name) => name.startsWith("TYK_PMP_"));
}

function createProgram(done: (code: number) => void): Command {
  const program = new Command("sluice")
    .description("Drains API-gateway analytics from Redis and delivers every record to every sink.")
    .version(`sluice ${version()}`, "--version", "print the version")
    .helpOption("-h, --help", "show help")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
    .addHelpText("after", HELP_END);

  addStart(program).action(async (options: StartOptions) => {
    const { start } = await import("./start.ts");
    done(await start(options));
  });
  addDemo(program).action(async (options: DemoOptions) => {
    const { demo } = await import("./demo.ts");
    done(await demo(options));
  });
  addCheck(program).action(async (options: CheckOptions) => {
    const { check } = await import("./check.ts");
    done(await check(options));
  });
  const config = program.command("config").description("what is configured, and what can be");
  addConfigPrint(config).action(async (options: ConfigPrintOptions) => {
    const { configPrint } = await import("./config-print.ts");
    done(await configPrint(options));
  });
  addConfigSchema(config).action(async (options: { conf?: string }) => {
    const { configSchema } = await import("./config-schema.ts");
    done(await configSchema(options));
  });
  addDaemonCommands(program, done);
  addConsole(program).action(async (options: ConsoleOptions) => {
    const { console } = await import("./console.ts");
    done(await console(options));
  });
  addLookCommands(program, done);
  addOperateCommands(program, done);
  addSinksCommands(program, done);
  addPluginCommands(program, done);
  return program;
}

const HELP_END = `
Examples:
  sluice start                      a demo, where there is no pump.conf: nothing else is needed
  sluice start -c pump.conf         the pump, configured as Tyk Pump is
  sluice check -c pump.conf         what is wrong with that file, and does all answer?
  sluice demo --records 100000      how fast is this machine?

Without a command, flags are read as Tyk Pump reads them: sluice -c pump.conf
`;

function addStart(program: Command): Command {
  const start = program
    .command("start")
    .description("run the pump in the foreground; without any configuration, a demo of it")
    .allowExcessArguments(false)
    .addOption(conf())
    .option("--rate <n>", "records a second in the demo without configuration", positive, 500)
    .option("--demo <org>", "write demo data of this organisation through the configured sinks, and exit")
    .option("--demo-api <id>", "API of the demo data (default: one of three)")
    .option("--demo-api-version <version>", 'API version of the demo data (default: "Default")')
    .option("--demo-days <n>", "days of demo data", cut, 30)
    .option("--demo-records-per-hour <n>", "records of each hour; 0: a random 300 to 499", cut, 0);
  for (const [name, help] of SWITCHES) {
    start.addOption(new Option(`--${name}`, help));
    // Tyk Pump's command line has a --no- for each switch.
    start.addOption(new Option(`--no-${name}`).hideHelp());
  }
  return start;
}

const SWITCHES = [
  ["demo-track-path", "set track_path in the demo data"],
  ["demo-future-data", "demo data from today on, not up to yesterday"],
  ["debug", "log at level debug, and show where errors come from"],
] as const;

function addDemo(program: Command): Command {
  return program
    .command("demo")
    .description("generate records, deliver them, and show how fast that was")
    .allowExcessArguments(false)
    .option("--records <n>", "how many", positive, 100_000)
    .addOption(once(new Option("-c, --conf <file>", "deliver to the sinks of this file (default: those of the demo)")))
    .option("--seed <n>", "the same seed gives the same records", cut)
    .option("--debug", "log at level debug, and show where errors come from");
}

function addCheck(program: Command): Command {
  return program
    .command("check")
    .description("say all that is wrong with the configuration, at once, and try its connections; writes nothing")
    .allowExcessArguments(false)
    .addOption(conf())
    .option("--offline", "connect to nothing")
    .option("--json", "print JSON");
}

function addConsole(program: Command): Command {
  return program
    .command("console")
    .description("print the address of a page that shows the running pump; serve it where the pump does not")
    .allowExcessArguments(false)
    .addOption(conf())
    .option("--socket <path>", "of this control socket, whatever started the pump")
    .option("--port <n>", "serve it on this port (default: a free one)", port)
    .option("--json", "print JSON");
}

function addConfigPrint(config: Command): Command {
  return config
    .command("print")
    .description("show every value in force and where it came from; secrets are masked")
    .allowExcessArguments(false)
    .addOption(conf())
    .option("--set", "leave out what only has its default")
    .option("--json", "print JSON");
}

function addConfigSchema(config: Command): Command {
  return config
    .command("schema")
    .description("print the JSON schema of pump.conf with the plugins that are installed, for editors")
    .allowExcessArguments(false)
    .addOption(conf());
}

function addSinksCommands(program: Command, done: (code: number) => void): void {
  const load = () => import("./sinks.ts");
  const under = (group: Command, usage: string, description: string): Command =>
    group
      .command(usage)
      .description(description)
      .allowExcessArguments(false)
      .addOption(conf())
      .option("--json", "print JSON");
  const sinks = program.command("sinks").description("the sinks that the log keeps records for");
  under(sinks, "list", "show them: how far behind, when last seen, configured here or not").action(
    async (options: SinksOptions) => done(await (await load()).list(options)),
  );
  under(sinks, "forget <name>", "keep nothing more for a sink that no instance configures")
    .option("--yes", "without a question")
    .action(async (name: string, options: SinksOptions) => done(await (await load()).forget(name, options)));
  under(sinks, "rename <from> <to>", "let another name go on where a sink was").action(
    async (from: string, to: string, options: SinksOptions) => done(await (await load()).rename(from, to, options)),
  );
  const spool = program.command("spool").description("records that Redis had no room for, on this instance's disk");
  under(spool, "import <folder>", "move the spool of a lost host into this instance's").action(
    async (folder: string, options: SinksOptions) => done(await (await load()).importSpool(folder, options)),
  );
}

/** `sluice: error: unknown option '--dbug' (Did you mean --debug?), try --help` */
function oneLine(text: string): string {
  return `sluice: ${text
    .trim()
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "")}, try --help\n`;
}

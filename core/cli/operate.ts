import { type Command, InvalidArgumentError } from "commander";
import type { InstanceOptions } from "./daemon.ts";
import type { LetterOptions } from "./dlq.ts";
import { aboutPump, positive } from "./options.ts";
import type { TapOptions } from "./tap.ts";

/** Commands that change what a pump that runs does, and those of its dead letters. */
export function addOperateCommands(program: Command, done: (code: number) => void): void {
  const suspension = () => import("./suspend.ts");
  aboutPump(program, "suspend <sink>", "give a sink nothing more until it is resumed; its backlog waits").action(
    async (sink: string, options: InstanceOptions) => done(await (await suspension()).suspend(sink, options)),
  );
  aboutPump(program, "resume <sink>", "let a suspended sink go on, or try at once").action(
    async (sink: string, options: InstanceOptions) => done(await (await suspension()).resume(sink, options)),
  );

  aboutPump(program, "tap <sink>", "show what a sink would be given, removing nothing")
    .option("--records <n>", `how many, 1 to ${MOST_RECORDS}`, someRecords, 10)
    .action(async (sink: string, options: TapOptions) => done(await (await import("./tap.ts")).tap(sink, options)));

  const dlq = program.command("dlq").description("dead letters: records that a sink will not take");
  const letters = () => import("./dlq.ts");
  const filtered = (usage: string, description: string): Command =>
    aboutPump(dlq, usage, description)
      .option("--sink <name>", "of this sink")
      .option("--reason <text>", "whose reason has this in it")
      .option("--since <when>", "not older: 90s, 15m, 2h, 7d, or a time as 2026-05-01T12:00:00Z", moment)
      .option("--until <when>", "older than this", moment)
      .option("--limit <n>", "at most so many", positive);
  filtered("list", "show them, and how many there are by sink and reason")
    .option("--after <letter>", "go on behind this one")
    .action(async (options: LetterOptions) => done(await (await letters()).list(options)));
  aboutPump(dlq, "show <letter>", "one of them, with its record decoded")
    .option("--redact", "blank what is personal")
    .action(async (id: string, options: LetterOptions) => done(await (await letters()).show(id, options)));
  filtered("replay [letters...]", "deliver them again, to their sink only, by the pump that runs")
    .option("--all", "all that there are")
    .action(async (ids: string[], options: LetterOptions) => done(await (await letters()).replay(ids, options)));
  filtered("drop [letters...]", "delete them for good")
    .option("--all", "all that there are")
    .option("--yes", "without a question")
    .action(async (ids: string[], options: LetterOptions) => done(await (await letters()).drop(ids, options)));
}

const MOST_RECORDS = 1000;

function someRecords(text: string): number {
  const value = positive(text);
  if (value > MOST_RECORDS) throw new InvalidArgumentError(`It must be ${MOST_RECORDS} or less.`);
  return value;
}

const UNITS = { s: 1000, m: 60_000, h: 3600_000, d: 86_400_000 };

/** So long ago, or a time; milliseconds since 1970. */
export function moment(text: string): number {
  const ago = /^(\d+(?:\.\d+)?)\s*([smhd])$/.exec(text.trim());
  const at = ago
    ? Date.now() - Number(ago[1]) * UNITS[ago[2] as keyof typeof UNITS]
    : /^\d{4}-/.test(text)
      ? Date.parse(text)
      : Number.NaN;
  if (!Number.isFinite(at) || at < 0) throw new InvalidArgumentError("It must be like 2h or 2026-05-01T12:00:00Z.");
  return Math.floor(at);
}

import type { Letters } from "../control/control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "../control/errors.ts";
import type { Letter, LetterFilter, LetterSummary } from "../control/letters.ts";
import type { InstanceOptions } from "./daemon.ts";
import { CommandError, EXIT } from "./errors.ts";
import { formatCount, formatTable, plain, plainJson, plural } from "./format.ts";
import { whichPump } from "./instance.ts";
import type { Parts } from "./parts.ts";
import { say } from "./plugin-folder.ts";
import { realParts } from "./wiring.ts";
import { consent, withLog } from "./with-log.ts";

export interface LetterOptions extends InstanceOptions {
  sink?: string;
  reason?: string;
  since?: number;
  until?: number;
  limit?: number;
  after?: string;
  redact?: boolean;
  yes?: boolean;
  all?: boolean;
}

const SHOWN_REASON = 100;
const NONE = "There are no such dead letters.";
const LETTERS = (["letter", "sink", "at", "bytes", "reason"] as const).map((title) => ({
  title,
  align: title === "bytes" ? ("right" as const) : ("left" as const),
}));
const TOTALS = (["letters", "bytes", "sink", "reason"] as const).map((title, i) => ({
  title,
  align: i < 2 ? ("right" as const) : ("left" as const),
}));

/** `sluice dlq list`. */
export function list(options: LetterOptions, parts: Parts = realParts): Promise<number> {
  return withLetters(options, parts, async (letters) => {
    const filter = { ...filterOf(options, []), ...(options.after !== undefined && { after: options.after }) };
    const summary = await letters.list(filter);
    if (options.json) say(JSON.stringify(summary, null, 2));
    else for (const line of report(summary)) say(line);
    return EXIT.ok;
  });
}

/** `sluice dlq show <letter>`. */
export function show(id: string, options: LetterOptions, parts: Parts = realParts): Promise<number> {
  return withLetters(options, parts, async (letters) => {
    const letter = await letters.show(id, options.redact === true);
    if (options.json) {
      say(JSON.stringify(letter, null, 2));
      return EXIT.ok;
    }
    const { record, raw, ...head } = letter;
    say(`${plain(head.sink)}: ${plain(head.reason)}`);
    say(`record ${head.index} of chunk ${plain(head.chunk)} in ${plain(head.list)}, ${timeOf(head)}`);
    if (record !== null) say(plainJson(record));
    else if (head.index < 0) say("It tells of records that are gone, and holds none.");
    else say(`The record cannot be decoded. Its ${formatCount(head.bytes)} bytes, as base64:\n${raw}`);
    return EXIT.ok;
  });
}

/** `sluice dlq replay`: through the pump that runs, which delivers them. */
export async function replay(ids: readonly string[], options: LetterOptions): Promise<number> {
  const filter = selection(ids, options);
  const { records, skipped } = await whichPump(options).client.letters.replay(filter);
  if (options.json) say(JSON.stringify({ records, skipped }));
  else if (records === 0 && skipped.length === 0) say(NONE);
  else {
    say(
      `${lettersOf(records)} on the way to the sink. Each is deleted once it is delivered; "sluice dlq list" shows the rest.`,
    );
    for (const { reason, letters } of skipped) say(`${lettersOf(letters)} left: ${plain(reason)}.`);
  }
  return records === 0 && skipped.length > 0 ? EXIT.failed : EXIT.ok;
}

/** `sluice dlq drop`. Asks, unless it is told not to. */
export function drop(ids: readonly string[], options: LetterOptions, parts: Parts = realParts): Promise<number> {
  const filter = selection(ids, options);
  return withLetters(options, parts, async (letters) => {
    const { records } = await letters.list({ ...filter, limit: 1 });
    const meant = Math.min(records, filter.limit ?? records);
    if (meant > 0) await consent(`Delete ${lettersOf(meant)} for good?`, options);
    const dropped = meant === 0 ? 0 : await letters.drop(filter);
    say(options.json ? JSON.stringify({ records: dropped }) : `${lettersOf(dropped)} deleted.`);
    return EXIT.ok;
  });
}

/** The letters of the pump that runs on the configuration, or, where none does, of its log. */
async function withLetters(
  options: LetterOptions,
  parts: Parts,
  work: (letters: Letters) => Promise<number>,
): Promise<number> {
  const { client } = whichPump(options);
  try {
    return await work(client.letters);
  } catch (error) {
    const alone = error instanceof ControlError && error.code === CONTROL_ERROR_CODES.notRunning;
    if (!alone || options.socket !== undefined) throw error;
  }
  const { createCompute } = await import("../compute/pool.ts");
  const { createDeadLetters } = await import("../control/dead-letters.ts");
  const compute = createCompute({ idleMs: 0 });
  try {
    return await withLog(options, parts, ({ lists }) => work(createDeadLetters({ lists, compute })));
  } finally {
    await compute.close();
  }
}

/** What is changed must be named: everything is meant only where it is said. */
function selection(ids: readonly string[], options: LetterOptions): LetterFilter {
  const filter = filterOf(options, ids);
  if (Object.keys(filter).some((name) => name !== "limit") || options.all) return filter;
  throw new CommandError("Say which letters: by their names, --sink, --reason, --since, --until; or --all.");
}

function filterOf({ sink, reason, since, until, limit }: LetterOptions, ids: readonly string[]): LetterFilter {
  const filter = { sink, reason, since, until, limit, ids: ids.length > 0 ? ids : undefined };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

function report({ letters, more, totals, records, bytes }: LetterSummary): string[] {
  if (records === 0) return [NONE];
  const rows = letters.map((letter) => [
    ...[plain(letter.id), plain(letter.sink), timeOf(letter), formatCount(letter.bytes), clipped(letter.reason)],
  ]);
  const sums = totals.map((total) => [
    ...[formatCount(total.records), formatCount(total.bytes), plain(total.sink), clipped(total.reason)],
  ]);
  return [
    ...formatTable(LETTERS, rows),
    ...(more === null ? [] : [`... and more: --after ${plain(more)}`]),
    "",
    ...formatTable(TOTALS, sums),
    `${lettersOf(records)} with ${formatCount(bytes)} bytes in all.`,
  ];
}

function clipped(reason: string): string {
  const text = plain(reason);
  return text.length > SHOWN_REASON ? `${text.slice(0, SHOWN_REASON)}…` : text;
}

function timeOf({ at }: Pick<Letter, "at">): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

function lettersOf(n: number): string {
  return `${formatCount(n)} ${plural(n, "letter")}`;
}

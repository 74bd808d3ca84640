import type { Setting } from "../config/effective.ts";
import { stopsTheStart } from "../config/problem.ts";
import { maskSecrets } from "../logging/clean.ts";
import { readConfiguration } from "./configuration.ts";
import { EXIT } from "./errors.ts";
import { formatTable, plain, plural } from "./format.ts";

export interface ConfigPrintOptions {
  conf?: string;
  json?: boolean;
  /** Only what something sets. */
  set?: boolean;
}

const MASK = "***";
/** Characters of a value in the table; `--json` has the whole. */
const WIDEST = 60;

/** `sluice config print`: every value in force, and where it came from. 1 where the pump would not start with it. */
export async function configPrint(options: ConfigPrintOptions): Promise<number> {
  const loaded = await readConfiguration(options);
  const { file, demo, problems, hidden } = loaded;
  const settings = loaded.settings().filter(({ from }) => !options.set || from !== "default");
  const shown = settings.map((setting) => ({ ...setting, value: shownValue(setting, hidden) }));
  if (options.json) process.stdout.write(`${JSON.stringify({ file, demo, settings: shown }, null, 2)}\n`);
  else process.stdout.write(`${table(shown).join("\n")}\n`);
  const { length } = problems;
  if (length > 0) process.stderr.write(`${length} ${plural(length, "problem")}: see sluice check\n`);
  return stopsTheStart(problems) ? EXIT.failed : EXIT.ok;
}

/** A value as it may be printed. */
export function shownValue({ value, secret }: Pick<Setting, "value" | "secret">, hidden: readonly string[]): unknown {
  if (secret) return MASK;
  const masked = (_: string, one: unknown) => (typeof one === "string" ? maskSecrets(one, hidden) : one);
  return JSON.parse(JSON.stringify(value, masked));
}

const COLUMNS = ["setting", "value", "from"].map((title) => ({ title, align: "left" as const }));

function table(settings: readonly Setting[]): string[] {
  return formatTable(
    COLUMNS,
    settings.map(({ path, value, from, place, reference }) => [
      plain(path),
      plain(short(JSON.stringify(value))),
      plain(reference === undefined ? place || from : `${reference} (${place})`),
    ]),
  );
}

function short(text: string): string {
  return text.length > WIDEST ? `${text.slice(0, WIDEST - 1)}…` : text;
}

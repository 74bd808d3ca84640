import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Instance } from "../control/instance.ts";
import { maskSecrets } from "../logging/clean.ts";

/** Of the end of what a daemon wrote while it started. */
const SHOWN = 40;

/**
 * What a daemon said before it ended, as sentences for a person: the errors among its log lines, whatever their format;
 * where there are none, its last lines as they are.
 */
export function lastWords(file: string): string[] {
  const lines = readText(file)
    .split("\n")
    .filter((line) => line.trim() !== "");
  const errors = lines.flatMap((line) => errorIn(line) ?? []);
  return [...new Set(errors.length > 0 ? errors : lines.map(plainMessage))].slice(-SHOWN);
}

/** What stands there that no logger wrote, credentials aside: the words of the runtime or the system when a process dies. */
export function foreignWords(file: string): string[] {
  return readText(file)
    .split("\n")
    .filter((line) => line.trim() !== "" && levelOf(line) === null)
    .slice(-SHOWN)
    .map((line) => maskSecrets(line, []));
}

/** Where a daemon's standard error goes. */
export function wordsOf({ folder }: Instance): string {
  return join(folder, "last-words");
}

/** `time="…" level=error message="…"`, `{"level":"error","message":"…"}` or `sluice: error: …`. */
function errorIn(line: string): string | null {
  if (line.startsWith("sluice: error: ")) return line.slice("sluice: error: ".length);
  const level = levelOf(line);
  return level === "error" || level === "fatal" ? plainMessage(line) : null;
}

/** Null: no line of a log. */
function levelOf(line: string): string | null {
  const level = /^time="[^"]*" level=(\w+) /.exec(line)?.[1] ?? json(line)?.level;
  return typeof level === "string" ? level : null;
}

/** The message of a log line alone; any other line as it is. */
export function plainMessage(line: string): string {
  const text = /^time="[^"]*" level=\w+ (?:message|msg)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/.exec(line);
  if (text !== null) return text[1] === undefined ? text[2]! : unquote(text[1]);
  const message = json(line)?.message;
  return typeof message === "string" ? message : line;
}

function json(line: string): { level?: unknown; message?: unknown } | null {
  if (!line.startsWith("{")) return null;
  try {
    return JSON.parse(line) as { level?: unknown; message?: unknown };
  } catch {
    return null;
  }
}

/** Go's quotes, as far as they can be read in one line. What stands for a character that moves the cursor stays written out. */
function unquote(text: string): string {
  return text.replace(/\\(["\\nrt])/g, (_, char: string) => (char === '"' || char === "\\" ? char : " "));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

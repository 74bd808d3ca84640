import type { Fields, Level } from "./logger.ts";

export type LogFormat = "text" | "json" | "legacy";

export interface LogLine {
  /** Milliseconds since 1970. */
  time: number;
  level: Level;
  message: string;
  /** Plain JSON data when it comes to a format. */
  fields: Fields;
}

/** One line each, without its line end. The layouts are those of logrus, which Tyk Pump's users parse. */
export const FORMATS: { readonly [format in LogFormat]: (line: LogLine) => string } = {
  text: (line) => keyValues(line, "message", rfc3339(line.time)),
  legacy: (line) => keyValues(line, "msg", stamp(line.time)),
  json,
};

const LEVEL_NAMES: { readonly [level in Level]: string } = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
  fatal: "fatal",
};

function keyValues(line: LogLine, messageKey: string, time: string): string {
  let out = `time="${time}" level=${LEVEL_NAMES[line.level]}`;
  if (line.message !== "") out += ` ${messageKey}=${quoteIfNeeded(line.message)}`;
  const taken = new Set(["time", "level", messageKey]);
  for (const [name, value] of sortedFields(line.fields, taken)) out += ` ${name}=${quoteIfNeeded(plainText(value))}`;
  return out;
}

function json(line: LogLine): string {
  const entries = sortedFields(line.fields, new Set(["time", "level", "message"]));
  entries.push(["level", LEVEL_NAMES[line.level]], ["message", line.message], ["time", rfc3339(line.time)]);
  const object = Object.fromEntries(entries.sort(byName));
  return escapeHtml(JSON.stringify(object));
}

/** Names that would hide time, level or message become `fields.<name>`, as logrus does. */
function sortedFields(fields: Fields, taken: ReadonlySet<string>): [string, unknown][] {
  return Object.entries(fields)
    .map(([name, value]): [string, unknown] => [taken.has(name) ? `fields.${name}` : safeName(name), value])
    .sort(byName);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A name is printed bare, so nothing in it may look like another field or another line. */
function safeName(name: string): string {
  return name.replace(/[^\w.\-/]/g, "_");
}

function plainText(value: unknown): string {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Go's encoding/json writes these so that a log shown in a page is inert. */
function escapeHtml(text: string): string {
  return text.replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function quoteIfNeeded(text: string): string {
  return /^[A-Za-z0-9\-._/@^+]*$/.test(text) ? text : goQuote(text);
}

const SHORT_ESCAPES: { readonly [char: string]: string } = {
  '"': '\\"',
  "\\": "\\\\",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** Go's strconv.Quote: letters, marks, numbers, punctuation, symbols and the space stand for themselves. */
export function goQuote(text: string): string {
  const body = text.toWellFormed().replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const short = SHORT_ESCAPES[char];
    if (short !== undefined) return short;
    const code = char.codePointAt(0)!;
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return `"${body}"`;
}

/** 2026-11-21T20:51:51Z, or with the offset of the local zone. */
export function rfc3339(time: number): string {
  const date = new Date(time);
  const offset = -date.getTimezoneOffset();
  const local = new Date(time + offset * 60_000).toISOString().slice(0, 19);
  if (offset === 0) return `${local}Z`;
  const minutes = Math.abs(offset);
  return `${local}${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Nov 21 20:51:51 */
function stamp(time: number): string {
  const date = new Date(time);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${MONTHS[date.getMonth()]} ${two(date.getDate())} ${clock}`;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

import { CONTROL_ERROR_CODES, ControlError } from "./errors.ts";
import type { LetterFilter } from "./letters.ts";

/** The parameters of a request, as text. */
export interface Query {
  readonly [name: string]: string;
}

/** Of a text in a filter, characters. */
const TEXT = 1024;
const IDS = 1000;
const MOST_LETTERS = 1000;

export function flag(query: Query, name: string): boolean {
  const text = query[name] ?? "false";
  if (text !== "true" && text !== "false") throw wrong(name, "true or false");
  return text === "true";
}

export function wholeNumber(
  query: Query,
  name: string,
  { least, most, otherwise }: { least: number; most: number; otherwise: number },
): number {
  const text = query[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) throw wrong(name, `a whole number, ${least} to ${most}`);
  return value;
}

/** As parameters, which are text. */
export function readFilter(query: Query): LetterFilter {
  const filter: { [name: string]: unknown } = { ...query };
  for (const name of ["since", "until", "limit"]) {
    const text = query[name];
    if (text !== undefined && /^\d+$/.test(text)) filter[name] = Number(text);
  }
  if (query.ids !== undefined) filter.ids = query.ids.split(",");
  const read = checkFilter(filter);
  if ((read.limit ?? 0) > MOST_LETTERS) throw wrong("limit", `at most ${MOST_LETTERS} here`);
  return read;
}

/** As the body of a request. */
export function readFilterBody(text: string): LetterFilter {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new ControlError(CONTROL_ERROR_CODES.badRequest, "The body is not JSON.", { cause });
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw wrong("The body", "an object");
  return checkFilter(body as { [name: string]: unknown });
}

const isText = (value: unknown) => typeof value === "string" && value.length <= TEXT;
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

const CHECKS: { readonly [name in keyof LetterFilter]-?: [check: (value: unknown) => boolean, what: string] } = {
  sink: [isText, `text of at most ${TEXT} characters`],
  reason: [isText, `text of at most ${TEXT} characters`],
  after: [isText, `text of at most ${TEXT} characters`],
  since: [isCount, "milliseconds since 1970"],
  until: [isCount, "milliseconds since 1970"],
  limit: [(value) => isCount(value) && (value as number) > 0, "a whole number from 1 on"],
  ids: [
    (value) => Array.isArray(value) && value.length <= IDS && value.every(isText),
    `a list of at most ${IDS} names of letters`,
  ],
};

/** What is misspelt must not select more than was meant. */
function checkFilter(filter: { readonly [name: string]: unknown }): LetterFilter {
  for (const [name, value] of Object.entries(filter)) {
    if (!Object.hasOwn(CHECKS, name)) throw wrong(name, `one of ${Object.keys(CHECKS).join(", ")}`);
    const [check, what] = CHECKS[name as keyof LetterFilter];
    if (!check(value)) throw wrong(name, what);
  }
  return filter;
}

function wrong(name: string, what: string): ControlError {
  return new ControlError(CONTROL_ERROR_CODES.badRequest, `${name.slice(0, 100)} must be ${what}.`);
}

import type { Json } from "../json.ts";
import { parseJson, toText } from "../json.ts";

/**
 * References to secret stores, as Tyk's library writes them: `kv://store/path#pointer` as a whole text, or
 * `$kv{store:path#pointer}` anywhere in one.
 */
export interface Reference {
  /** As written. */
  text: string;
  store: string;
  path: string;
  /** JSON pointer into the secret; undefined: the whole of it. */
  pointer: string | undefined;
}

const WHOLE = "kv://";
const EMBEDDED = "$kv{";

export function isReference(text: string): boolean {
  return text.startsWith(WHOLE) || text.includes(EMBEDDED);
}

/** A text's parts, its references among them, or what is wrong with it. What a secret holds is never looked at again. */
export function parseReferences(text: string): (string | Reference)[] | { error: string } {
  if (text.startsWith(WHOLE)) {
    const reference = parseReference(text, text.slice(WHOLE.length), "/");
    return "error" in reference ? reference : [reference];
  }
  const parts: (string | Reference)[] = [];
  let at = 0;
  for (let start = text.indexOf(EMBEDDED); start >= 0; start = text.indexOf(EMBEDDED, at)) {
    const end = text.indexOf("}", start);
    if (end < 0) return { error: "a $kv{ has no closing brace" };
    const reference = parseReference(text.slice(start, end + 1), text.slice(start + EMBEDDED.length, end), ":");
    if ("error" in reference) return reference;
    if (start > at) parts.push(text.slice(at, start));
    parts.push(reference);
    at = end + 1;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

function parseReference(text: string, body: string, separator: string): Reference | { error: string } {
  const split = body.indexOf(separator);
  const form = separator === "/" ? "kv://store/path" : "$kv{store:path}";
  if (split < 0) return { error: `it names no path: the form is ${form}` };
  const store = body.slice(0, split);
  const hash = body.indexOf("#", split);
  const path = body.slice(split + 1, hash < 0 ? undefined : hash);
  if (store === "" || path === "") return { error: `its store or its path is empty: the form is ${form}` };
  return { text, store, path, pointer: hash < 0 ? undefined : body.slice(hash + 1) };
}

/**
 * What a JSON pointer (its first slash may be left out) finds in a secret that is JSON: a text as it is, a number as it
 * is written, the rest as JSON; undefined where it finds nothing.
 */
export function readPointer(secret: string, pointer: string): string | undefined {
  let at: Json | { fault: unknown } | undefined = parseJson(secret);
  const steps = pointer.replace(/^\//, "");
  for (const step of steps === "" ? [] : steps.split("/")) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (at === undefined || "fault" in at) return undefined;
    if (at.kind === "object") at = at.members.findLast(({ key }) => key === name)?.value;
    else if (at.kind === "array") at = /^(0|[1-9]\d*)$/.test(name) ? at.items[Number(name)] : undefined;
    else return undefined;
  }
  if (at === undefined || "fault" in at) return undefined;
  return at.kind === "string" ? at.value : toText(at);
}

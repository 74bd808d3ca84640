import { isUtf8 } from "node:buffer";

/** Values as Go's `%v` prints them. Strings are Go's: each character stands for a byte. */

export function list(items: readonly string[]): string {
  return `[${items.join(" ")}]`;
}

/** Keys in byte order. */
export function map(entries: readonly (readonly [key: string, value: string])[]): string {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `map${list(sorted.map(([key, value]) => `${key}:${value}`))}`;
}

/** The shortest digits that give the number again; with an exponent below 1e-4 and from 1e6 on. */
export function float(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0";
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

/** What an untyped value holds: of JSON's kinds. */
export function any(value: unknown): string {
  if (value === null) return "<nil>";
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : float(value);
  if (Array.isArray(value)) return list(value.map(any));
  if (typeof value === "object") return map(Object.entries(value).map(([key, item]) => [key, any(item)]));
  return String(value);
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

/** `strconv.Quote`: what can be printed stands for itself, bytes that are not UTF-8 as \xff. */
export function quote(bytes: Buffer): string {
  if (isUtf8(bytes)) return `"${escaped(bytes.toString())}"`;
  let text = "";
  let from = 0;
  for (let p = 0; p < bytes.length; ) {
    const size = sequence(bytes, p);
    if (size === 0) {
      text += `${escaped(bytes.toString("utf8", from, p))}\\x${bytes[p]!.toString(16)}`;
      from = p + 1;
    }
    p += size || 1;
  }
  return `"${text}${escaped(bytes.toString("utf8", from))}"`;
}

/** Bytes of the character at `p`; 0 if it is none. */
function sequence(bytes: Buffer, p: number): number {
  const first = bytes[p]!;
  const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return p + size <= bytes.length && isUtf8(bytes.subarray(p, p + size)) ? size : 0;
}

function escaped(text: string): string {
  return text.replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    const short = SHORT_ESCAPES[char];
    if (short !== undefined) return short;
    const code = char.codePointAt(0)!;
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
    if (code < 0x10000) return `\\u${code.toString(16).padStart(4, "0")}`;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
}

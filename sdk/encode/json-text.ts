import { utf8Size } from "../record/text.ts";

/**
 * Texts in JSON as Go's encoding/json writes them: `<`, `>`, `&`, U+2028 and U+2029 escaped too, U+FFFD for each byte that is not
 * UTF-8.
 */

const QUOTE = 34;
const HIGH_BITS = 0x80808080 | 0;

/** Writes the text between quotes and returns where it ends; there must be room for six times its size. */
export function writeJsonText(
  bytes: Buffer,
  from: DataView,
  start: number,
  size: number,
  out: Buffer,
  to: DataView,
  at: number,
): number {
  out[at] = QUOTE;
  let o = at + 1;
  if (copyPlain(from, start, size, to, o)) o = escapeText(bytes, start, start + size, out, o);
  else o += size;
  out[o] = QUOTE;
  return o + 1;
}

/**
 * Copies, and returns whether something may need an escape. Four bytes at a time, as `copyText` in csv-text.ts: below
 * space; `"` or `&` (they differ in one bit); `<` or `>` (so do these); a backslash; not ASCII.
 */
function copyPlain(from: DataView, start: number, size: number, to: DataView, o: number): boolean {
  let alarm = 0;
  let i = 0;
  for (const last = size - 4; i <= last; i += 4) {
    const word = from.getInt32(start + i, true);
    to.setInt32(o + i, word, true);
    alarm |=
      (word - 0x20202020) |
      (((word & 0xfbfbfbfb) ^ 0x22222222) - 0x01010101) |
      (((word & 0xfdfdfdfd) ^ 0x3c3c3c3c) - 0x01010101) |
      ((word ^ 0x5c5c5c5c) - 0x01010101);
  }
  let odd = 0;
  for (; i < size; i++) {
    const byte = from.getUint8(start + i);
    to.setUint8(o + i, byte);
    odd |= ESCAPED[byte]!;
  }
  return (alarm & HIGH_BITS) !== 0 || odd !== 0;
}

/** 1: has an escape of its own; 2: not ASCII. */
const ESCAPED = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 ? 2 : byte < 0x20 || '"\\<>&'.includes(String.fromCharCode(byte)) ? 1 : 0,
);

const ESCAPES = Array.from({ length: 128 }, (_, byte) => {
  const short = { 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\" }[byte];
  return Buffer.from(short ?? `\\u${byte.toString(16).padStart(4, "0")}`);
});
const REPLACEMENT = Buffer.from("\\ufffd");
const LINE_SEPARATOR = Buffer.from("\\u2028");
const PARAGRAPH_SEPARATOR = Buffer.from("\\u2029");

function escapeText(bytes: Buffer, start: number, end: number, out: Buffer, at: number): number {
  let o = at;
  for (let p = start; p < end; ) {
    const byte = bytes[p]!;
    const kind = ESCAPED[byte]!;
    if (kind === 0) {
      out[o++] = byte;
      p++;
      continue;
    }
    if (kind === 1) {
      o = put(ESCAPES[byte]!, out, o);
      p++;
      continue;
    }
    const size = utf8Size(bytes, p, end);
    if (size === 0) {
      o = put(REPLACEMENT, out, o);
      p++;
    } else if (size === 3 && byte === 0xe2 && bytes[p + 1] === 0x80 && (bytes[p + 2]! & 0xfe) === 0xa8) {
      o = put(bytes[p + 2] === 0xa8 ? LINE_SEPARATOR : PARAGRAPH_SEPARATOR, out, o);
      p += 3;
    } else for (const next = p + size; p < next; p++) out[o++] = bytes[p]!;
  }
  return o;
}

function put(text: Uint8Array, out: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) out[at + i] = text[i]!;
  return at + text.length;
}

/** The same escapes for what is made of JavaScript values; undefined is null. */
export function goJson(value: unknown): string {
  const text = JSON.stringify(value) ?? "null";
  return text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A map as Go writes it: keys in byte order. */
export function goMapJson(map: { readonly [key: string]: unknown }): string {
  const keys = Object.keys(map).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${keys.map((key) => `${goJson(key)}:${goJson(map[key])}`).join(",")}}`;
}

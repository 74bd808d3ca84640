import { isUtf8 } from "node:buffer";
import { utf8Size } from "../record/text.ts";

/** Rows of text for databases: what stands around and between values, and which bytes of a text need an escape. */
export interface SqlFormat {
  readonly open: number | null;
  readonly between: number;
  readonly close: number;
  /** Around texts and times; 0: nothing. */
  readonly quote: number;
  readonly null: string;
  /** By byte: what is written in its place; undefined: itself. */
  readonly escapes: readonly (Uint8Array | undefined)[];
}

function escapes(table: { readonly [byte: number]: string }): (Uint8Array | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => (byte in table ? Buffer.from(table[byte]!) : undefined));
}

/**
 * PostgreSQL's COPY in text format (https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2): tabs between, LF behind
 * each row. NUL is left out: no text there can have it.
 */
export const COPY_TEXT: SqlFormat = {
  open: null,
  between: 9,
  close: 10,
  quote: 0,
  null: "\\N",
  escapes: escapes({ 0: "", 9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\" }),
};

/** Rows behind VALUES, as MySQL reads literals while NO_BACKSLASH_ESCAPES is off. */
export const SQL_VALUES: SqlFormat = {
  open: 40,
  between: 44,
  close: 41,
  quote: 39,
  null: "NULL",
  escapes: escapes({ 0: "\\0", 39: "''", 92: "\\\\" }),
};

const HIGH_BITS = 0x80808080 | 0;
/** From this size on, calls into Node are cheaper than a loop over words. */
const LONG = 1500;

/**
 * Writes a text with its escapes and returns where it ends; bytes that are not UTF-8 become U+FFFD. There must be room for three times
 * its size.
 */
export function writeSqlText(
  bytes: Buffer,
  from: DataView,
  start: number,
  size: number,
  out: Buffer,
  to: DataView,
  o: number,
  format: SqlFormat,
): number {
  const plain = size < LONG ? copyPlain(from, start, size, to, o) : copyLong(bytes, start, size, out, o);
  return plain ? o + size : escapeText(bytes, start, start + size, out, o, format);
}

/**
 * Copies, and returns whether no byte may need a closer look: below 16, a backslash, a quote, not ASCII. Four bytes at a time, as
 * `copyText` in csv-text.ts.
 */
function copyPlain(from: DataView, start: number, size: number, to: DataView, o: number): boolean {
  if (size < 4) return copyFew(from, start, size, to, o);
  let alarm = 0;
  const last = size - 4;
  for (let i = 0; i < last; i += 4) {
    const word = from.getInt32(start + i, true);
    to.setInt32(o + i, word, true);
    alarm |= (word - 0x10101010) | word | ((word ^ 0x5c5c5c5c) - 0x01010101) | ((word ^ 0x27272727) - 0x01010101);
  }
  const word = from.getInt32(start + last, true);
  to.setInt32(o + last, word, true);
  alarm |= (word - 0x10101010) | word | ((word ^ 0x5c5c5c5c) - 0x01010101) | ((word ^ 0x27272727) - 0x01010101);
  return (alarm & HIGH_BITS) === 0;
}

function copyFew(from: DataView, start: number, size: number, to: DataView, o: number): boolean {
  let unsure = 0;
  for (let i = 0; i < size; i++) {
    const byte = from.getUint8(start + i);
    to.setUint8(o + i, byte);
    unsure |= UNSURE[byte]!;
  }
  return unsure === 0;
}

const UNSURE = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte < 16 || byte >= 0x80 || byte === 92 || byte === 39),
);

function copyLong(bytes: Buffer, start: number, size: number, out: Buffer, o: number): boolean {
  const text = bytes.subarray(start, start + size);
  text.copy(out, o);
  return isUtf8(text) && ![0, 9, 10, 13, 39, 92].some((byte) => text.includes(byte));
}

function escapeText(
  bytes: Buffer,
  start: number,
  end: number,
  out: Buffer,
  at: number,
  { escapes }: SqlFormat,
): number {
  let o = at;
  for (let p = start; p < end; ) {
    const byte = bytes[p]!;
    if (byte < 0x80) {
      const instead = escapes[byte];
      if (instead) for (let i = 0; i < instead.length; i++) out[o++] = instead[i]!;
      else out[o++] = byte;
      p++;
      continue;
    }
    const size = utf8Size(bytes, p, end);
    if (size === 0) {
      out[o++] = 0xef;
      out[o++] = 0xbf;
      out[o++] = 0xbd;
      p++;
    } else for (const next = p + size; p < next; p++) out[o++] = bytes[p]!;
  }
  return o;
}

/** Escapes what stands from `start` to `end` of a page; there must be room for as much again. Returns where it ends. */
export function escapeInPlace(out: Buffer, start: number, end: number, { escapes }: SqlFormat): number {
  let unsure = 0;
  for (let p = start; p < end; p++) unsure |= UNSURE[out[p]!]!;
  if (unsure === 0) return end;
  const copy = Buffer.from(out.subarray(start, end));
  let o = start;
  for (const byte of copy) {
    const instead = escapes[byte];
    if (instead) for (let i = 0; i < instead.length; i++) out[o++] = instead[i]!;
    else out[o++] = byte;
  }
  return o;
}

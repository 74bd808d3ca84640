/**
 * Texts in CSV as Go's encoding/csv writes them: quoted iff they hold a comma, a quote, CR or LF, or begin with Unicode
 * white space, or are exactly `\.`; quotes doubled, all else as it is.
 */

const COMMA = 44;
const QUOTE = 34;
const CR = 13;
const LF = 10;
const HIGH_BITS = 0x80808080 | 0;

/** What a copied text needs. */
export const PLAIN = 0;
/** Quotes around it, and nothing else. */
export const QUOTED = 1;
/** A closer look. */
export const UNSURE = 2;

/**
 * Copies a text and says what it needs. Four bytes at a time: a byte equal to k is one where (byte ^ k) - 1 has its high
 * bit set, and one below 16 (CR and LF among them) where byte - 16 has; bytes outside ASCII have it anyway.
 */
export function copyText(from: DataView, start: number, size: number, to: DataView, o: number): number {
  if (size < 4) return copyFew(from, start, size, to, o);
  let commas = 0;
  let others = 0;
  const last = size - 4;
  for (let i = 0; i < last; i += 4) {
    const word = from.getInt32(start + i, true);
    to.setInt32(o + i, word, true);
    commas |= (word ^ 0x2c2c2c2c) - 0x01010101;
    others |= ((word ^ 0x22222222) - 0x01010101) | (word - 0x10101010) | word;
  }
  const word = from.getInt32(start + last, true);
  to.setInt32(o + last, word, true);
  commas |= (word ^ 0x2c2c2c2c) - 0x01010101;
  others |= ((word ^ 0x22222222) - 0x01010101) | (word - 0x10101010) | word;
  if ((others & HIGH_BITS) !== 0) return UNSURE;
  return (commas & HIGH_BITS) !== 0 || from.getUint8(start) === 32 ? QUOTED : PLAIN;
}

function copyFew(from: DataView, start: number, size: number, to: DataView, o: number): number {
  let need = size === 2 ? UNSURE : PLAIN;
  for (let i = 0; i < size; i++) {
    const byte = from.getUint8(start + i);
    to.setUint8(o + i, byte);
    if (byte <= 32 || byte === COMMA || byte === QUOTE || byte >= 0x80) need = UNSURE;
  }
  return need;
}

/** From this size on, calls into Node are cheaper than a loop over words. */
export const LONG = 400;

/** The same for a long text. */
export function copyLong(text: Buffer, out: Buffer, o: number): number {
  text.copy(out, o);
  const first = text[0]!;
  if (first <= 32 || first >= 0x80 || text.includes(QUOTE)) return UNSURE;
  return text.includes(COMMA) || text.includes(LF) || text.includes(CR) ? QUOTED : PLAIN;
}

/** Puts quotes around the text from `start` to `end`; there must be room. Returns where it ends. */
export function quote(out: Buffer, start: number, end: number): number {
  out.copyWithin(start + 1, start, end);
  out[start] = QUOTE;
  out[end + 1] = QUOTE;
  return end + 2;
}

/** The same, but only if it needs them; its own quotes are doubled. */
export function quoteIfNeeded(out: Buffer, start: number, end: number): number {
  let quotes = 0;
  let needed = startsWithSpace(out, start, end) || isBackslashDot(out, start, end);
  for (let i = start; i < end; i++) {
    const byte = out[i]!;
    if (byte === QUOTE) quotes++;
    else if (byte === COMMA || byte === CR || byte === LF) needed = true;
  }
  if (quotes === 0) return needed ? quote(out, start, end) : end;
  let q = end + quotes + 1;
  out[q] = QUOTE;
  for (let i = end - 1; i >= start; i--) {
    const byte = out[i]!;
    out[--q] = byte;
    if (byte === QUOTE) out[--q] = QUOTE;
  }
  out[start] = QUOTE;
  return end + quotes + 2;
}

function isBackslashDot(out: Uint8Array, start: number, end: number): boolean {
  return end - start === 2 && out[start] === 92 && out[start + 1] === 46;
}

/** Go's unicode.IsSpace of the first character. */
function startsWithSpace(out: Buffer, start: number, end: number): boolean {
  if (end === start) return false;
  const first = out[start]!;
  if (first < 0x80) return first === 32 || (first >= 9 && first <= 13);
  const code = out.utf8Slice(start, Math.min(end, start + 4)).codePointAt(0)!;
  return SPACES.has(code) || (code >= 0x2000 && code <= 0x200a);
}

const SPACES = new Set([0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000]);

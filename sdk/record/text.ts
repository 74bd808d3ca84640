declare global {
  /** What `toString` calls after its checks; of every Node, though its types leave them out. */
  interface Buffer {
    latin1Slice(start: number, end: number): string;
    utf8Slice(start: number, end: number): string;
  }
}

/** How bytes become text. */
export type Decode = (b: Buffer, start: number, end: number) => string;

/** A character for each byte: nothing is lost. */
export const decodeBytes: Decode = (b, start, end) => b.latin1Slice(start, end);

/**
 * Go strings are bytes: what is not UTF-8 becomes U+FFFD, one for each bad byte, as Go's encoding/json does (the WHATWG
 * decoder of `toString` makes one of several).
 */
export function decodeText(b: Buffer, start: number, end: number): string {
  if (end - start <= 12) {
    let all = 0;
    for (let i = start; i < end; i++) all |= b[i]!;
    if (all < 0x80) return shortAscii(b, start, end - start);
  }
  const text = b.utf8Slice(start, end);
  // Of equal size, each byte has become one unit: ASCII, or U+FFFD for itself alone.
  if (text.length === end - start) return text;
  return text.includes("\ufffd") ? decodeLikeGo(b, start, end) : text;
}

const chars = String.fromCharCode;

/** A quarter of the price of a call into Node. */
function shortAscii(b: Buffer, p: number, size: number): string {
  if (size > 6) {
    const [c, d, e, f, g, h, i] = [b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!, b[p + 6]!];
    if (size === 7) return chars(c, d, e, f, g, h, i);
    if (size === 8) return chars(c, d, e, f, g, h, i, b[p + 7]!);
    if (size === 9) return chars(c, d, e, f, g, h, i, b[p + 7]!, b[p + 8]!);
    if (size === 10) return chars(c, d, e, f, g, h, i, b[p + 7]!, b[p + 8]!, b[p + 9]!);
    if (size === 11) return chars(c, d, e, f, g, h, i, b[p + 7]!, b[p + 8]!, b[p + 9]!, b[p + 10]!);
    return chars(c, d, e, f, g, h, i, b[p + 7]!, b[p + 8]!, b[p + 9]!, b[p + 10]!, b[p + 11]!);
  }
  if (size === 0) return "";
  if (size === 1) return chars(b[p]!);
  if (size === 2) return chars(b[p]!, b[p + 1]!);
  if (size === 3) return chars(b[p]!, b[p + 1]!, b[p + 2]!);
  if (size === 4) return chars(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!);
  if (size === 5) return chars(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!);
  return chars(b[p]!, b[p + 1]!, b[p + 2]!, b[p + 3]!, b[p + 4]!, b[p + 5]!);
}

function decodeLikeGo(b: Buffer, start: number, end: number): string {
  let text = "";
  let from = start;
  for (let p = start; p < end; ) {
    const size = utf8Size(b, p, end);
    if (size > 0) {
      p += size;
      continue;
    }
    text += `${b.utf8Slice(from, p)}\ufffd`;
    from = ++p;
  }
  return text + b.utf8Slice(from, end);
}

/** Bytes of the UTF-8 sequence at `p`; 0 if it is not a valid one (RFC 3629: no surrogates, nothing overlong). */
export function utf8Size(b: Uint8Array, p: number, end: number): number {
  const first = b[p]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (p + size > end) return 0;
  const second = b[p + 1]!;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < size; i++) if ((b[p + i]! & 0xc0) !== 0x80) return 0;
  return size;
}

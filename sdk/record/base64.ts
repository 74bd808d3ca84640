/**
 * Decodes as Go's base64.StdEncoding does: padded, CR and LF ignored, bits left over in the last sextet accepted.
 * Returns the bytes written from `at` on, or -1 for anything else; at most 3/4 of the source's size is written.
 */
export function decodeBase64(source: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  let q = at;
  let p = start;
  let held = 0;
  let count = 0;
  // Whole quanta without line breaks or padding.
  for (; p + 4 <= end; p += 4) {
    const a = VALUES[source[p]!]!;
    const b = VALUES[source[p + 1]!]!;
    const c = VALUES[source[p + 2]!]!;
    const d = VALUES[source[p + 3]!]!;
    if ((a | b | c | d) & OTHER) break;
    out[q++] = (a << 2) | (b >> 4);
    out[q++] = (b << 4) | (c >> 2);
    out[q++] = (c << 6) | d;
  }
  for (; p < end; p++) {
    const byte = source[p]!;
    if (byte === LF || byte === CR) continue;
    if (byte === PAD) {
      if (count < 2 || !endsPadded(source, p + 1, end, 3 - count)) return -1;
      out[q++] = held >> (count === 2 ? 4 : 10);
      if (count === 3) out[q++] = held >> 2;
      return q - at;
    }
    const value = VALUES[byte]!;
    if (value === OTHER) return -1;
    held = (held << 6) | value;
    if (++count < 4) continue;
    out[q++] = held >> 16;
    out[q++] = held >> 8;
    out[q++] = held;
    held = 0;
    count = 0;
  }
  return count === 0 ? q - at : -1;
}

/** Whether nothing follows but `pads` more padding characters and line breaks. */
function endsPadded(source: Uint8Array, start: number, end: number, pads: number): boolean {
  let left = pads;
  for (let p = start; p < end; p++) {
    const byte = source[p]!;
    if (byte === LF || byte === CR) continue;
    if (byte !== PAD || left === 0) return false;
    left--;
  }
  return left === 0;
}

const LF = 10;
const CR = 13;
const PAD = 61;
const OTHER = 0x40;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Uint8Array(256).fill(OTHER);
for (const [value, char] of [...ALPHABET].entries()) VALUES[char.charCodeAt(0)] = value;

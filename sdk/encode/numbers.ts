/**
 * Decimal numbers as ASCII bytes. Each function writes at `o` and returns where it ends, at most 21 bytes on; up to three bytes more
 * are written behind that. `to` looks at the page.
 */

const BILLION = 1_000_000_000;

/** Four digits by number, as a word to be written: without zeros before them, and with. */
const DIGITS = new Int32Array(10_000);
const PADDED = new Int32Array(10_000);
const SIZES = new Uint8Array(10_000);
for (let n = 0; n < 10_000; n++) {
  const word = (text: string) => Buffer.from(text).readInt32LE();
  SIZES[n] = String(n).length;
  DIGITS[n] = word(String(n).padEnd(4));
  PADDED[n] = word(String(n).padStart(4, "0"));
}

/** Any integer from 0 to 2^53. */
export function writeUint(to: DataView, o: number, n: number): number {
  if (n >= 10_000) return writeLarge(to, o, n);
  to.setInt32(o, DIGITS[n]!, true);
  return o + SIZES[n]!;
}

function writeLarge(to: DataView, o: number, n: number): number {
  if (n < 100_000_000) {
    const high = (n / 10_000) | 0;
    const end = writeUint(to, o, high);
    to.setInt32(end, PADDED[n - 10_000 * high]!, true);
    return end + 4;
  }
  const high = Math.floor(n / BILLION);
  return writeNine(to, high === 0 ? o : writeUint(to, o, high), n - high * BILLION);
}

/** Nine digits, zeros before them included. */
export function writeNine(to: DataView, o: number, n: number): number {
  const first = (n / 100_000_000) | 0;
  to.setUint8(o, 48 + first);
  return writeEight(to, o + 1, n - 100_000_000 * first);
}

/** Eight digits, zeros before them included. */
export function writeEight(to: DataView, o: number, n: number): number {
  const high = (n / 10_000) | 0;
  to.setInt32(o, PADDED[high]!, true);
  to.setInt32(o + 4, PADDED[n - 10_000 * high]!, true);
  return o + 8;
}

export function writeInt(to: DataView, o: number, n: number): number {
  if (n >= 0) return writeUint(to, o, n);
  to.setUint8(o, 45);
  return writeUint(to, o + 1, -n);
}

/** An int64 as Go prints it once it is taken for a uint64; `n` within 2^53. */
export function writeWrapped(to: DataView, o: number, n: number): number {
  if (n >= 0) return writeUint(to, o, n);
  // 2^64 = 18,446,744,073 billion and 709,551,616
  if (n >= -709_551_616) return writeNine(to, writeUint(to, o, 18_446_744_073), 709_551_616 + n);
  return writeAscii(to, o, BigInt.asUintN(64, BigInt(n)).toString());
}

/** Two digits, zeros before them included. */
export function writeTwo(to: DataView, o: number, n: number): number {
  to.setInt16(o, PADDED[n]! >> 16, true);
  return o + 2;
}

/** Three of them. */
export function writeThree(to: DataView, o: number, n: number): number {
  to.setInt32(o, PADDED[n]! >>> 8, true);
  return o + 3;
}

/** Latin text that needs no escape. */
export function writeAscii(to: DataView, o: number, text: string): number {
  for (let i = 0; i < text.length; i++) to.setUint8(o + i, text.charCodeAt(i));
  return o + text.length;
}

const TWO_63 = 2 ** 63;

/** Go's uint64(float64) on amd64: cut, negatives wrap; what no int64 or uint64 holds is 2^63, so are the infinities and NaN. */
export function writeCut(to: DataView, o: number, value: number): number {
  const cut = Math.trunc(value);
  if (Math.abs(cut) <= Number.MAX_SAFE_INTEGER) return writeWrapped(to, o, cut);
  const fits = cut >= -TWO_63 && cut < 2 * TWO_63;
  return writeAscii(to, o, BigInt.asUintN(64, fits ? BigInt(cut) : 1n << 63n).toString());
}

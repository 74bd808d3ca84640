/** Decimal numbers as ASCII bytes. Each writes at `o` and returns where it ends; at most 21 bytes. */

const ZERO = 48;
const BILLION = 1_000_000_000;

/** Any integer from 0 to 2^53. */
export function writeUint(out: Uint8Array, o: number, n: number): number {
  if (n < 10) {
    out[o] = ZERO + n;
    return o + 1;
  }
  if (n < 100) return writeTwo(out, o, n);
  if (n < 1000) {
    const hundreds = (n / 100) | 0;
    out[o] = ZERO + hundreds;
    return writeTwo(out, o + 1, n - 100 * hundreds);
  }
  if (n < 10_000) {
    const hundreds = (n / 100) | 0;
    return writeTwo(out, writeTwo(out, o, hundreds), n - 100 * hundreds);
  }
  if (n < BILLION) return writeDigits(out, o, n, digitsOf(n));
  const billions = Math.floor(n / BILLION);
  return writeDigits(out, writeUint(out, o, billions), n - billions * BILLION, 9);
}

export function writeInt(out: Uint8Array, o: number, n: number): number {
  if (n >= 0) return writeUint(out, o, n);
  out[o] = 45;
  return writeUint(out, o + 1, -n);
}

/** An int64 as Go prints it once it is taken for a uint64; `n` within 2^53. */
export function writeWrapped(out: Uint8Array, o: number, n: number): number {
  if (n >= 0) return writeUint(out, o, n);
  // 2^64 = 18,446,744,073 billion and 709,551,616
  if (n >= -709_551_616) return writeDigits(out, writeUint(out, o, 18_446_744_073), 709_551_616 + n, 9);
  return writeAscii(out, o, BigInt.asUintN(64, BigInt(n)).toString());
}

export function writeTwo(out: Uint8Array, o: number, n: number): number {
  const tens = (n * 103) >> 10;
  out[o] = ZERO + tens;
  out[o + 1] = ZERO + n - 10 * tens;
  return o + 2;
}

/** Exactly so many digits, with zeros before; `n` below 2^31. */
export function writeDigits(out: Uint8Array, o: number, n: number, digits: number): number {
  let rest = n | 0;
  for (let q = o + digits - 1; q >= o; q--) {
    const next = (rest / 10) | 0;
    out[q] = ZERO + rest - 10 * next;
    rest = next;
  }
  return o + digits;
}

function digitsOf(n: number): number {
  if (n < 100_000) return n < 10_000 ? 4 : 5;
  if (n < 10_000_000) return n < 1_000_000 ? 6 : 7;
  return n < 100_000_000 ? 8 : 9;
}

/** Latin text that needs no escape. */
export function writeAscii(out: Uint8Array, o: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[o + i] = text.charCodeAt(i);
  return o + text.length;
}

const TWO_63 = 2 ** 63;

/** Go's uint64(float64) on amd64: cut, negatives wrap; what no int64 or uint64 holds is 2^63, so are the infinities and NaN. */
export function writeCut(out: Uint8Array, o: number, value: number): number {
  const cut = Math.trunc(value);
  if (Math.abs(cut) <= Number.MAX_SAFE_INTEGER) return writeWrapped(out, o, cut);
  const fits = cut >= -TWO_63 && cut < 2 * TWO_63;
  return writeAscii(out, o, BigInt.asUintN(64, fits ? BigInt(cut) : 1n << 63n).toString());
}

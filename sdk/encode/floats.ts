import { writeAscii, writeEight, writeUint } from "./numbers.ts";

const HUNDRED_MILLION = 1e8;
/** 2^27 + 1: parts a double into halves whose products with 10^8 are exact. */
const SPLIT = 134_217_729;
/** Two decimals or a neighbour are about as near: others decide. */
const DOUBT = 1e-9;

/** A double in the fewest digits that mean it, as JavaScript writes it; at most 25 bytes. */
export function writeFloat(to: DataView, o: number, value: number): number {
  // What six decimals hold exactly, as coordinates, needs no search for digits.
  const millionths = Math.round(value * 1e6);
  if (millionths / 1e6 === value && Math.abs(millionths) <= 1e14 && millionths !== 0) {
    return writeMillionths(to, o, millionths);
  }
  const size = Math.abs(value);
  const end = size > 1 && size < 1e6 ? writeShortest(to, value < 0 ? o + 1 : o, size) : 0;
  if (end === 0) return writeAscii(to, o, String(value));
  if (value < 0) to.setUint8(o, 45);
  return end;
}

function writeMillionths(to: DataView, o: number, millionths: number): number {
  let at = o;
  const size = Math.abs(millionths);
  if (millionths < 0) to.setUint8(at++, 45);
  const whole = Math.floor(size / 1e6);
  const fraction = size - whole * 1e6;
  at = writeUint(to, at, whole);
  if (fraction === 0) return at;
  // One digit more than there are decimals: the point takes its place.
  const end = writeUint(to, at, 1_000_000 + fraction);
  to.setUint8(at, 46);
  return withoutZeros(to, end);
}

/** By the exponent of a double: half of what lies between it and the next, in units of 10^-16. */
const HALVES = Float64Array.from({ length: 20 }, (_, exponent) => 2 ** (exponent - 53) * 1e16);
const POWERS = Int32Array.from({ length: 9 }, (_, n) => 10 ** n);
const DIGITS = [15, 16, 17];

/**
 * For 1 < value < 10^6, and not an integer. Its sixteen decimals are computed without an error; the nearest decimal number of 15 digits, else
 * of 16, else of 17, that lies nearer to it than to any other double is what means it. Returns 0 where that is in doubt.
 */
function writeShortest(to: DataView, o: number, value: number): number {
  const whole = value | 0;
  const high = eightOf(value - whole);
  const low = eightOf(remainder);
  const rest = remainder;
  const end = writeUint(to, o, whole);
  const half = HALVES[31 - Math.clz32(whole)]!;
  for (let i = 0; i < DIGITS.length; i++) {
    const unit = POWERS[16 - (DIGITS[i]! - (end - o))]!;
    const cut = low % unit;
    const below = cut + rest;
    const up = 2 * below > unit;
    const off = up ? unit - below : below;
    if (Math.abs(2 * below - unit) < DOUBT || Math.abs(off - half) < DOUBT) return 0;
    if (off > half) continue;
    const last = low - cut + (up ? unit : 0);
    if (last >= HUNDRED_MILLION) return 0;
    to.setUint8(end, 46);
    writeEight(to, end + 1, high);
    writeEight(to, end + 9, last);
    return withoutZeros(to, end + 17);
  }
  return 0;
}

/** What `eightOf` leaves over. */
let remainder = 0;

/** The first eight decimals of 0 <= fraction < 1, a multiple of 2^-52. */
function eightOf(fraction: number): number {
  const scaled = SPLIT * fraction;
  const upper = scaled - (scaled - fraction);
  const product = upper * HUNDRED_MILLION;
  const whole = product | 0;
  const rest = product - whole + (fraction - upper) * HUNDRED_MILLION;
  const carry = rest < 0 ? -1 : rest >= 1 ? 1 : 0;
  remainder = rest - carry;
  return whole + carry;
}

function withoutZeros(to: DataView, end: number): number {
  let o = end;
  while (to.getUint8(o - 1) === 48) o--;
  return o;
}

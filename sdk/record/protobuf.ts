/**
 * Values of the `normalproto.AnalyticsRecord` message at offsets that a scanner has found valid:
 * https://protobuf.dev/programming-guides/encoding/.
 */
import { type Decode, decodeText } from "./text.ts";

/** Goes through varints and fields; the bytes are valid. */
export class ProtoCursor {
  readonly b: Buffer;
  p: number;
  constructor(b: Buffer, p: number) {
    this.b = b;
    this.p = p;
  }

  /** Signed 64 bit, as a double. */
  varint(): number {
    const { b } = this;
    const first = b[this.p]!;
    if (first < 0x80) {
      this.p++;
      return first;
    }
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = b[this.p++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 64) high |= bits << (shift - 32);
      if (byte < 0x80) return high * 4294967296 + (low >>> 0);
    }
  }

  bigVarint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.b[this.p++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
  }

  /** Steps over the value of a field with this tag. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        while (this.b[this.p++]! >= 0x80);
        return;
      case 1:
        this.p += 8;
        return;
      case 2: {
        const size = this.varint();
        this.p += size;
        return;
      }
      case 3:
        for (let depth = 1; depth > 0; ) {
          const inner = this.varint();
          if ((inner & 7) === 4) depth--;
          else if ((inner & 7) === 3) depth++;
          else this.skip(inner);
        }
        return;
      case 5:
        this.p += 4;
    }
  }
}

/** The low 32 bits of a varint, signed: what proto3 keeps of an int32. */
export function lowVarintAt(b: Uint8Array, start: number): number {
  let low = 0;
  for (let p = start, shift = 0; shift < 32; p++, shift += 7) {
    const byte = b[p]!;
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return low;
}

const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

export function doubleAt(b: Uint8Array, p: number): number {
  for (let i = 0; i < 8; i++) scratchBytes[i] = b[p + i]!;
  return scratch.getFloat64(0, true);
}

/** Seconds and nanoseconds of the Timestamp message whose length stands at `p`. */
export function timestampAt(b: Buffer, p: number): { seconds: number; nanos: number } {
  const time = { seconds: 0, nanos: 0 };
  const cursor = new ProtoCursor(b, p);
  const size = cursor.varint();
  const end = cursor.p + size;
  while (cursor.p < end) {
    const tag = cursor.varint();
    if (tag === 8) time.seconds = cursor.varint();
    else if (tag === 16) time.nanos = cursor.varint() | 0;
    else cursor.skip(tag);
  }
  return time;
}

/**
 * Calls `found` for each occurrence of a length-delimited field on the path, of all messages on it: start and end of its
 * bytes. Repeated fields are read this way, from the first occurrence on, since later ones may lie anywhere.
 */
export function eachOf(
  b: Buffer,
  start: number,
  end: number,
  path: readonly number[],
  found: (from: number, to: number) => void,
  depth = 0,
): void {
  const cursor = new ProtoCursor(b, start);
  const wanted = (path[depth]! << 3) | 2;
  while (cursor.p < end) {
    const tag = cursor.varint();
    if (tag !== wanted) {
      cursor.skip(tag);
      continue;
    }
    const size = cursor.varint();
    const from = cursor.p;
    cursor.p = from + size;
    if (depth === path.length - 1) found(from, cursor.p);
    else eachOf(b, from, cursor.p, path, found, depth + 1);
  }
}

export function textsOf(
  b: Buffer,
  start: number,
  end: number,
  path: readonly number[],
  decode: Decode = decodeText,
): string[] {
  const list: string[] = [];
  eachOf(b, start, end, path, (from, to) => list.push(decode(b, from, to)));
  return list;
}

/**
 * Values at msgpack tokens that a scanner has found valid: https://github.com/msgpack/msgpack/blob/master/spec.md, read
 * as vmihailenco/msgpack v2 does (nil is a zero, text may be binary, any integer form is taken).
 */
import type { GraphError } from "./reader.ts";
import { type Decode, decodeText } from "./text.ts";
import { parseRfc3339 } from "./time.ts";

/** Bytes of an integer's token by its first byte; 0: not an integer. */
export const INT_SIZE: Uint8Array = sizes((code) => {
  if (code < 0x80 || code >= 0xe0 || code === 0xc0) return 1;
  return { 204: 2, 205: 3, 206: 5, 207: 9, 208: 2, 209: 3, 210: 5, 211: 9 }[code] ?? 0;
});

/** The same for floats: integers are taken too. */
export const FLOAT_SIZE: Uint8Array = sizes((code) => ({ 202: 5, 203: 9 })[code] ?? INT_SIZE[code]!);

function sizes(of: (code: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => of(code));
}

const scratch = new DataView(new ArrayBuffer(8));
const scratchBytes = new Uint8Array(scratch.buffer);

function uint32(b: Uint8Array, p: number): number {
  return ((b[p]! << 24) | (b[p + 1]! << 16) | (b[p + 2]! << 8) | b[p + 3]!) >>> 0;
}

/** As a double: exact up to 2^53. `unsigned`: how Go's uint64 sees it. */
export function intAt(b: Uint8Array, p: number, unsigned = false): number {
  const code = b[p]!;
  if (code < 0x80) return code;
  switch (code) {
    case 0xc0:
      return 0;
    case 0xcc:
      return b[p + 1]!;
    case 0xcd:
      return (b[p + 1]! << 8) | b[p + 2]!;
    case 0xce:
      return uint32(b, p + 1);
    case 0xcf:
    case 0xd3: {
      const high = uint32(b, p + 1);
      return (unsigned ? high : high | 0) * 4294967296 + uint32(b, p + 5);
    }
  }
  const value = code >= 0xe0 ? code - 256 : code === 0xd0 ? (b[p + 1]! << 24) >> 24 : narrow(b, p, code);
  return unsigned && value < 0 ? value + 2 ** 64 : value;
}

function narrow(b: Uint8Array, p: number, code: number): number {
  return code === 0xd1 ? ((b[p + 1]! << 24) >> 16) | b[p + 2]! : uint32(b, p + 1) | 0;
}

/** Exact, where a double may not be; signed. */
export function bigIntAt(b: Uint8Array, p: number): bigint {
  const code = b[p]!;
  if (code !== 0xcf && code !== 0xd3) return BigInt(intAt(b, p));
  return (BigInt(uint32(b, p + 1) | 0) << 32n) | BigInt(uint32(b, p + 5));
}

export function floatAt(b: Uint8Array, p: number): number {
  const code = b[p]!;
  if (code !== 0xca && code !== 0xcb) return intAt(b, p);
  for (let i = 0; i < 8; i++) scratchBytes[i] = b[p + 1 + i]!;
  return code === 0xca ? scratch.getFloat32(0) : scratch.getFloat64(0);
}

/** Header sizes and counts of what holds others or bytes; the token is valid. */
function headerSize(code: number): number {
  if (code < 0xc4 || code >= 0xe0) return 1; // fixmap, fixarray, fixstr
  switch (code) {
    case 0xc4:
    case 0xd9:
      return 2;
    case 0xc5:
    case 0xda:
    case 0xdc:
    case 0xde:
      return 3;
    default:
      return 5; // c6, db, dd, df
  }
}

function sizeAt(b: Uint8Array, p: number): number {
  const code = b[p]!;
  if (code === 0xc0) return 0;
  if (code >= 0xa0 && code < 0xc0) return code & 31;
  if (code < 0xa0) return code & 15;
  switch (headerSize(code)) {
    case 2:
      return b[p + 1]!;
    case 3:
      return (b[p + 1]! << 8) | b[p + 2]!;
    default:
      return uint32(b, p + 1);
  }
}

/** Seconds and nanoseconds: of Go's pair, of the extension -1 in its three sizes, or of a text. */
export function timeAt(b: Buffer, p: number): { seconds: number; nanos: number } {
  const code = b[p]!;
  if (code === 0x92) return { seconds: intAt(b, p + 1), nanos: intAt(b, p + 1 + INT_SIZE[b[p + 1]!]!) };
  if (code === 0xd6) return { seconds: uint32(b, p + 2), nanos: 0 };
  const high = uint32(b, p + 2);
  if (code === 0xd7) return { seconds: (high & 3) * 4294967296 + uint32(b, p + 6), nanos: high >>> 2 };
  if (code === 0xc7) return { seconds: Number(b.readBigInt64BE(p + 7)), nanos: uint32(b, p + 3) };
  return parseRfc3339(new MsgpackCursor(b, p).string()) ?? { seconds: 0, nanos: 0 };
}

/** Goes through a list or map at `p`, whose items are texts, one after the other. */
export class MsgpackCursor {
  readonly b: Buffer;
  p: number;
  private readonly decode: Decode;
  constructor(b: Buffer, p: number, decode: Decode = decodeText) {
    this.b = b;
    this.p = p;
    this.decode = decode;
  }

  nil(): boolean {
    return this.b[this.p] === 0xc0;
  }

  /** Enters the list or map: the number of its items or pairs. */
  enter(): number {
    const size = sizeAt(this.b, this.p);
    this.p += headerSize(this.b[this.p]!);
    return size;
  }

  /** Steps over a text; it lies between what this returns and `p`. */
  text(): number {
    const size = sizeAt(this.b, this.p);
    const start = this.p + headerSize(this.b[this.p]!);
    this.p = start + size;
    return start;
  }

  string(): string {
    const start = this.text();
    return this.decode(this.b, start, this.p);
  }

  strings(): string[] | null {
    if (this.nil()) {
      this.p++;
      return null;
    }
    const list = new Array<string>(this.enter());
    for (let i = 0; i < list.length; i++) list[i] = this.string();
    return list;
  }

  skipTexts(): void {
    if (this.nil()) this.p++;
    else for (let left = this.enter(); left > 0; left--) this.text();
  }

  error(): GraphError {
    const error: GraphError = { message: "", path: null };
    const code = this.b[this.p]!;
    const positional = (code & 0xf0) === 0x90 || code === 0xdc || code === 0xdd;
    const size = this.enter();
    for (let i = 0; i < size; i++) {
      const key = positional ? (["Message", "Path"][i] ?? "") : this.string();
      if (key === "Message") error.message = this.string();
      else if (key === "Path") error.path = this.any() as unknown[] | null;
      else this.any();
    }
    return error;
  }

  /** Any value, as JSON would have it. A scanner has bounded its depth. */
  any(): unknown {
    const { b, p } = this;
    const code = b[p]!;
    if (INT_SIZE[code] !== 0 && code !== 0xc0) {
      this.p += INT_SIZE[code]!;
      return intAt(b, p, code === 0xcf);
    }
    if (FLOAT_SIZE[code] !== 0 && code !== 0xc0) {
      this.p += FLOAT_SIZE[code]!;
      return floatAt(b, p);
    }
    if (code < 0x90 || code === 0xde || code === 0xdf) {
      const size = this.enter();
      const map: { [key: string]: unknown } = {};
      for (let i = 0; i < size; i++) define(map, String(this.any()), this.any());
      return map;
    }
    if (code < 0xa0 || code === 0xdc || code === 0xdd) {
      return Array.from({ length: this.enter() }, () => this.any());
    }
    if (code === 0xc0 || code === 0xc2 || code === 0xc3) {
      this.p++;
      return code === 0xc0 ? null : code === 0xc3;
    }
    return this.string();
  }
}

/** A plain assignment to `__proto__` would not make a property. */
export function define<T>(map: { [key: string]: T }, key: string, value: T): void {
  if (key === "__proto__")
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}

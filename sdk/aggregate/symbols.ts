import { decodeText } from "../record/text.ts";

/**
 * Gives each byte string a small number, the same one for the same bytes. No JavaScript string is made to look one up:
 * the bytes are hashed, four at a time, and compared with an own copy. The number of "" is 0.
 */
export class Symbols {
  #arena = Buffer.allocUnsafeSlow(64 * 1024);
  #view = new DataView(this.#arena.buffer);
  #end = 0;
  /** Where each one's bytes begin; they end where the next one's begin. */
  #starts = new Uint32Array(1024);
  /** Hash and number + 1 of each, by hash: open addressing. */
  #table = new Int32Array(4096);
  #mask = 2047;
  #texts: (string | undefined)[] = [];
  /** Keys come from records: nobody may know beforehand which of them collide. */
  readonly #seed = (Math.random() * 0x1_0000_0000) | 0;
  size = 0;

  constructor() {
    this.clear();
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#end;
  }

  clear(): void {
    this.#table.fill(0);
    this.#texts = [];
    this.#end = 0;
    // "" is found by its size, not in the table.
    this.#starts[1] = 0;
    this.size = 1;
  }

  /** The number of bytes [start, end) of what `view` looks at. Without `add`: -1 for those that have none yet. */
  intern(view: DataView, start: number, end: number, add = true): number {
    const size = end - start;
    if (size === 0) return 0;
    const hash = hashOf(view, start, size, this.#seed);
    const table = this.#table;
    const mask = this.#mask;
    let at = hash & mask;
    for (;;) {
      const entry = table[2 * at + 1]!;
      if (entry === 0) return add ? this.#add(view, start, size, hash, at) : -1;
      if (table[2 * at] === hash && this.#is(entry - 1, view, start, size)) return entry - 1;
      at = (at + 1) & mask;
    }
  }

  internText(text: string): number {
    const bytes = Buffer.from(text);
    return this.intern(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  }

  /** Whether a symbol has these bytes. */
  has(symbol: number, view: DataView, start: number, end: number): boolean {
    return this.#is(symbol, view, start, end - start);
  }

  /** A view of a symbol's bytes, valid until the next `intern`. */
  bytesOf(symbol: number): Buffer {
    return this.#arena.subarray(this.#starts[symbol]!, this.#starts[symbol + 1]!);
  }

  /** What is not UTF-8 becomes U+FFFD. */
  textOf(symbol: number): string {
    let text = this.#texts[symbol];
    if (text === undefined) {
      text = decodeText(this.#arena, this.#starts[symbol]!, this.#starts[symbol + 1]!);
      this.#texts[symbol] = text;
    }
    return text;
  }

  #is(symbol: number, view: DataView, start: number, size: number): boolean {
    const own = this.#starts[symbol]!;
    if (this.#starts[symbol + 1]! - own !== size) return false;
    const mine = this.#view;
    if (size < 4) {
      for (let i = 0; i < size; i++) if (mine.getUint8(own + i) !== view.getUint8(start + i)) return false;
      return true;
    }
    const last = size - 4;
    for (let i = 0; i < last; i += 4) {
      if (mine.getInt32(own + i, true) !== view.getInt32(start + i, true)) return false;
    }
    return mine.getInt32(own + last, true) === view.getInt32(start + last, true);
  }

  #add(view: DataView, start: number, size: number, hash: number, at: number): number {
    const symbol = this.size++;
    if (this.#end + size > this.#arena.length) this.#growArena(this.#end + size);
    this.#arena.set(new Uint8Array(view.buffer, view.byteOffset + start, size), this.#end);
    this.#end += size;
    if (symbol + 2 > this.#starts.length) this.#starts = grown(this.#starts, 2 * this.#starts.length);
    this.#starts[symbol + 1] = this.#end;
    this.#table[2 * at] = hash;
    this.#table[2 * at + 1] = symbol + 1;
    if (2 * this.size > this.#mask) this.#rehash();
    return symbol;
  }

  #growArena(least: number): void {
    const arena = Buffer.allocUnsafeSlow(Math.max(2 * this.#arena.length, least));
    this.#arena.copy(arena, 0, 0, this.#end);
    this.#arena = arena;
    this.#view = new DataView(arena.buffer);
  }

  #rehash(): void {
    const old = this.#table;
    const mask = 2 * this.#mask + 1;
    const table = new Int32Array(2 * (mask + 1));
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] === 0) continue;
      let at = old[i]! & mask;
      while (table[2 * at + 1] !== 0) at = (at + 1) & mask;
      table[2 * at] = old[i]!;
      table[2 * at + 1] = old[i + 1]!;
    }
    this.#table = table;
    this.#mask = mask;
  }
}

export function grown<T extends Uint32Array | Int32Array | Float64Array>(array: T, length: number): T {
  const larger = new (array.constructor as new (length: number) => T)(length);
  larger.set(array);
  return larger;
}

/** `size` is not zero. The last word overlaps the one before it. */
function hashOf(view: DataView, start: number, size: number, seed: number): number {
  let hash = seed ^ size;
  if (size < 4) {
    for (let i = 0; i < size; i++) hash = Math.imul(hash ^ view.getUint8(start + i), 0x9e3779b1);
    return mix(hash);
  }
  const last = start + size - 4;
  for (let p = start; p < last; p += 4) {
    hash = Math.imul(hash ^ view.getInt32(p, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return mix(Math.imul(hash ^ view.getInt32(last, true), 0x9e3779b1));
}

export function mix(hash: number): number {
  const a = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return a ^ (a >>> 13);
}

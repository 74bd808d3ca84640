import { grown, mix } from "./symbols.ts";

/** Numbers tuples of three integers from 0 on, in the order in which they are first asked for. */
export class Tuples {
  #members = new Int32Array(3 * 1024);
  /** Number + 1, by hash: open addressing. */
  #table = new Int32Array(4096);
  #mask = 4095;
  readonly #seed = (Math.random() * 0x1_0000_0000) | 0;
  size = 0;

  clear(): void {
    this.#table.fill(0);
    this.size = 0;
  }

  of(a: number, b: number, c: number): number {
    const table = this.#table;
    const members = this.#members;
    let at = this.#hash(a, b, c) & this.#mask;
    for (;;) {
      const entry = table[at]! - 1;
      if (entry < 0) return this.#add(a, b, c, at);
      if (members[3 * entry] === a && members[3 * entry + 1] === b && members[3 * entry + 2] === c) return entry;
      at = (at + 1) & this.#mask;
    }
  }

  a(tuple: number): number {
    return this.#members[3 * tuple]!;
  }

  b(tuple: number): number {
    return this.#members[3 * tuple + 1]!;
  }

  c(tuple: number): number {
    return this.#members[3 * tuple + 2]!;
  }

  #hash(a: number, b: number, c: number): number {
    const h = Math.imul(a ^ this.#seed, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
    return mix((h ^ (h >>> 15)) + Math.imul(c, 0xc2b2ae35));
  }

  #add(a: number, b: number, c: number, at: number): number {
    const tuple = this.size++;
    if (3 * this.size > this.#members.length) this.#members = grown(this.#members, 2 * this.#members.length);
    this.#members[3 * tuple] = a;
    this.#members[3 * tuple + 1] = b;
    this.#members[3 * tuple + 2] = c;
    this.#table[at] = tuple + 1;
    if (2 * this.size > this.#mask) this.#rehash();
    return tuple;
  }

  #rehash(): void {
    this.#mask = 2 * this.#mask + 1;
    this.#table = new Int32Array(this.#mask + 1);
    for (let tuple = 0; tuple < this.size; tuple++) {
      let at = this.#hash(this.a(tuple), this.b(tuple), this.c(tuple)) & this.#mask;
      while (this.#table[at] !== 0) at = (at + 1) & this.#mask;
      this.#table[at] = tuple + 1;
    }
  }
}

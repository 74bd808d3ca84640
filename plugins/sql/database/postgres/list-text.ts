import type { Value } from "../database.ts";

const USUAL_BYTES = 1 << 14;
/** A list that was longer leaves its memory. */
const KEPT_BYTES = 1 << 18;
const EMPTY = Buffer.alloc(0);
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const SMALL = 1e9;

/**
 * Values as the text of an array, https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO, written into bytes as they come; as
 * long as all are the same, just the first.
 */
export class ListText {
  #bytes = EMPTY;
  #end = 0;
  #size = 0;
  #first: Value = null;
  same = true;

  add(value: Value): void {
    if (this.#size === 0) this.#first = value;
    else if (this.same && value !== this.#first) {
      this.same = false;
      for (let i = 0; i < this.#size; i++) this.#write(this.#first);
    }
    this.#size++;
    if (!this.same) this.#write(value);
  }

  /** The one value of all, or the text of the list, which lasts until the next `add`; afterwards it is empty. */
  take(): Value {
    const taken = this.same ? this.#first : this.#close();
    this.#end = 0;
    this.#size = 0;
    this.same = true;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = EMPTY;
    return taken;
  }

  #close(): Uint8Array {
    this.#bytes[0] = OPEN;
    this.#bytes[this.#end++] = CLOSE;
    return this.#bytes.subarray(0, this.#end);
  }

  #write(value: Value): void {
    this.#reserve(0);
    // What is ahead of the first becomes the bracket.
    this.#bytes[this.#end++] = COMMA;
    if (typeof value === "string") this.#writeQuoted(value);
    else if (typeof value === "number" && value >= 0 && value < SMALL && Number.isInteger(value))
      this.#writeSmall(value);
    else this.#writeText(String(value ?? "NULL"));
  }

  #writeSmall(value: number): void {
    this.#reserve(10);
    let end = this.#end + 1;
    for (let n = value; n >= 10; n = Math.trunc(n / 10)) end++;
    this.#end = end;
    let left = value;
    do {
      const tens = Math.trunc(left / 10);
      this.#bytes[--end] = ZERO + left - 10 * tens;
      left = tens;
    } while (left > 0);
  }

  #writeQuoted(text: string): void {
    this.#reserve(2 * text.length + 2);
    const bytes = this.#bytes;
    let end = this.#end;
    bytes[end++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.#writeText(`"${text.replace(/["\\]/g, "\\$&")}"`);
        return;
      }
      if (code === QUOTE || code === BACKSLASH) bytes[end++] = BACKSLASH;
      bytes[end++] = code;
    }
    bytes[end++] = QUOTE;
    this.#end = end;
  }

  #writeText(text: string): void {
    this.#reserve(3 * text.length);
    this.#end += this.#bytes.write(text, this.#end);
  }

  /** Room for so many bytes, and for what follows them. */
  #reserve(bytes: number): void {
    const wanted = this.#end + bytes + 2;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(USUAL_BYTES, wanted, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

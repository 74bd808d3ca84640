import type { Symbols } from "./symbols.ts";

const POINT = 46;
/** Written by the gateway for each key: never counted. */
const ALWAYS_IGNORED = "key-";
const UNKNOWN = 0;
const IGNORED = -1;

/** Tags as they are counted: without white space around them and without dots; some are ignored, by the beginning of what the record has. */
export class Tags {
  readonly #symbols: Symbols;
  readonly #prefixes: readonly Buffer[];
  /** By symbol of a tag as the record has it: IGNORED, or the counted one's symbol + 1. */
  #counted = new Int32Array(1024);

  constructor(symbols: Symbols, ignoredPrefixes: readonly string[]) {
    this.#symbols = symbols;
    this.#prefixes = [ALWAYS_IGNORED, ...ignoredPrefixes].map((prefix) => Buffer.from(prefix));
  }

  clear(): void {
    this.#counted.fill(UNKNOWN);
  }

  /** The symbol of the counted tag; 0 where there is none. */
  of(tag: number): number {
    if (tag >= this.#counted.length) {
      const larger = new Int32Array(2 * tag);
      larger.set(this.#counted);
      this.#counted = larger;
    }
    if (this.#counted[tag] === UNKNOWN) this.#counted[tag] = this.#clean(tag);
    const counted = this.#counted[tag]!;
    return counted === IGNORED ? 0 : counted - 1;
  }

  #clean(tag: number): number {
    const symbols = this.#symbols;
    const raw = symbols.bytesOf(tag);
    for (const prefix of this.#prefixes) {
      if (raw.length >= prefix.length && raw.compare(prefix, 0, prefix.length, 0, prefix.length) === 0) return IGNORED;
    }
    const trimmed = trim(raw);
    const cleaned = Buffer.from(trimmed.filter((byte) => byte !== POINT));
    const symbol = symbols.intern(new DataView(cleaned.buffer, cleaned.byteOffset, cleaned.length), 0, cleaned.length);
    return symbol === 0 ? IGNORED : symbol + 1;
  }
}

/** Go's unicode.IsSpace, which has U+0085 and not U+FEFF. */
const SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Counts the white space in bytes: what is not UTF-8 stays as it is. */
function trim(raw: Buffer): Buffer {
  const text = raw.toString();
  let start = 0;
  let end = text.length;
  while (start < end && SPACE.test(text[start]!)) start++;
  while (end > start && SPACE.test(text[end - 1]!)) end--;
  return raw.subarray(Buffer.byteLength(text.slice(0, start)), raw.length - Buffer.byteLength(text.slice(end)));
}

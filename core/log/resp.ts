import { LOG_ERROR_CODES, LogError } from "./errors.ts";

/** A command as RESP bytes (a string: all arguments are text). */
export function encodeCommand(args: readonly (string | number)[]): string {
  let out = `*${args.length}\r\n`;
  for (const arg of args) {
    const text = String(arg);
    out += `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  }
  return out;
}

// States of the parser; each byte of a header is looked at, bodies are skipped.
const KIND = 0;
const COUNT = 1;
const ELEMENT = 2;
const LENGTH = 3;
const BODY = 4;
const LINE = 5;

const CR = 13;
const LF = 10;
/** Redis' own bound of one value (proto-max-bulk-len) by default. */
const MAX_LENGTH = 512 * 1024 * 1024;
const MAX_LINE = 1024;
/** Least bytes worth a read of their own. */
const MIN_WINDOW = 16 * 1024;
const WORDS = 8;
/** Room besides the record for the reply's two headers, the alignment and one pair of offsets. */
const OVERHEAD = 64;

/**
 * Takes the reply of one LRANGE straight into a slab. Bytes arrive anywhere cut; records stay where the socket put
 * them, their protocol lines between them, and only their offsets are noted. What does not fit is read and dropped, so
 * that the connection stays in step. A hostile reply costs time, never memory beyond the slab.
 */
export class RangeReply {
  readonly slab: Uint8Array;
  readonly asked: number;
  /** Bytes of the slab that hold the reply so far. */
  end = 0;
  /** Elements that the server sent, and the first of them that fitted. */
  received = 0;
  fitted = 0;
  /** Sum of the fitted. */
  bytes = 0;
  /** Size of a slab that would hold the first element, when not even that fitted. */
  need = 0;
  dropping = false;
  done = false;
  /** Elements of the same answer that the replies behind this one take. */
  shared = 0;
  /** There were too few for all: nobody can tell whose, and none is kept. */
  short = false;
  /** An error or status line, its mark included. */
  line: string | null = null;

  #offsets: Uint32Array;
  #state = KIND;
  #left = 0;
  #number = 0;
  #digits = 0;
  #skip = 0;
  #text = "";
  #expected: number;

  /** `offsets`: scratch for pairs of `asked` records, in use until `finish`; `expected`: guess of the bytes of the reply. */
  constructor(slab: Uint8Array, asked: number, offsets: Uint32Array, expected: number) {
    this.slab = slab;
    this.asked = asked;
    this.#offsets = offsets;
    this.#expected = expected;
  }

  /** Takes its elements from the answer of the reply ahead, whose `shared` counts them. */
  follow(): void {
    this.#left = this.asked;
    this.#state = ELEMENT;
  }

  /** Bytes to ask the kernel for: up to the guessed end of this reply, so that little of the next lands here. */
  get want(): number {
    if (this.dropping) return 0;
    const room = this.slab.length - this.end;
    const each = this.received > 0 ? this.end / this.received : this.#expected / this.asked;
    const rest = this.#state < ELEMENT ? this.#expected : this.#skip + Math.max(0, this.#left - 1) * each;
    return Math.min(room, Math.max(MIN_WINDOW, Math.ceil(rest)));
  }

  /** Drops from here on: the slab has no room even for a header. */
  overflow(): void {
    this.dropping = true;
  }

  /** Parses [from, to) of `buffer`, which is the slab itself unless dropping; answers where the reply ended, else `to`. */
  consume(buffer: Uint8Array, from: number, to: number): number {
    let p = from;
    while (p < to) {
      if (this.#state === BODY) {
        const n = Math.min(this.#skip, to - p);
        p += n;
        this.#skip -= n;
        if (this.#skip > 0) return p;
        if (--this.#left === 0) return this.#finished(p);
        this.#state = ELEMENT;
        continue;
      }
      const byte = buffer[p++]!;
      if (this.#state === LENGTH || this.#state === COUNT) {
        if (byte >= 48 && byte <= 57) {
          this.#number = this.#number * 10 + byte - 48;
          if (++this.#digits > 10) throw outOfStep("a number of more than ten digits");
        } else if (byte === LF && this.#digits > 0) {
          if (this.#state === LENGTH) this.#begin(p);
          else if (this.#count()) return this.#finished(p);
        } else if (byte !== CR) throw outOfStep(`byte ${byte} in a number`);
      } else if (this.#state === ELEMENT) {
        if (byte !== 36 /* $ */) throw outOfStep(`an element that begins with byte ${byte}`);
        this.#expect(LENGTH);
      } else if (this.#state === KIND) {
        if (byte === 42 /* * */) this.#expect(COUNT);
        else if (byte === 45 /* - */ || byte === 43 /* + */) {
          this.#text = String.fromCharCode(byte);
          this.#state = LINE;
        } else throw outOfStep(`a reply that begins with byte ${byte}`);
      } else if (byte === LF) {
        this.line = this.#text;
        return this.#finished(p);
      } else if (byte !== CR && this.#text.length < MAX_LINE) this.#text += String.fromCharCode(byte);
    }
    return p;
  }

  /** Writes the offsets behind the records; answers their byte position. */
  finish(): number {
    if (this.fitted === 0) return 0;
    const at = align(this.#offsets[2 * this.fitted - 1]!);
    new Uint32Array(this.slab.buffer, this.slab.byteOffset + at, 2 * this.fitted).set(
      this.#offsets.subarray(0, 2 * this.fitted),
    );
    return at;
  }

  #expect(state: number): void {
    this.#state = state;
    this.#number = 0;
    this.#digits = 0;
  }

  #count(): boolean {
    const asked = this.asked + this.shared;
    if (this.#number > asked) throw outOfStep(`${this.#number} elements where ${asked} were asked for`);
    this.short = this.shared > 0 && this.#number < asked;
    if (this.short) this.dropping = true;
    this.#left = this.short ? this.#number : Math.min(this.#number, this.asked);
    this.#state = ELEMENT;
    return this.#left === 0;
  }

  /** An element's body begins at `p`. */
  #begin(p: number): void {
    const length = this.#number;
    if (length > MAX_LENGTH) throw outOfStep(`an element of ${length} bytes`);
    this.#skip = length + 2;
    this.#state = BODY;
    this.received++;
    const table = align(p + length) + WORDS * (this.fitted + 1);
    if (!this.dropping && table <= this.slab.length && p + this.#skip <= this.slab.length) {
      this.#offsets[2 * this.fitted] = p;
      this.#offsets[2 * this.fitted + 1] = p + length;
      this.fitted++;
      this.bytes += length;
      return;
    }
    this.dropping = true;
    if (this.fitted === 0 && this.need === 0) this.need = length + OVERHEAD;
  }

  #finished(p: number): number {
    this.done = true;
    return p;
  }
}

function align(offset: number): number {
  return (offset + 3) & ~3;
}

/** The server does not speak as it should: the connection is of no further use. */
export function outOfStep(what: string): LogError {
  return new LogError(
    LOG_ERROR_CODES.protocol,
    `Redis' reply to a bulk read is not what it should be: ${what}. Check that the port belongs to a Redis.`,
  );
}

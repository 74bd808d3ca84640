import { type FieldNode, type Leaf, type Schema, type Struct, wordsOf } from "./fields.ts";
import { FLOAT_SIZE, INT_SIZE } from "./msgpack.ts";
import { decodeText } from "./text.ts";
import { parseRfc3339 } from "./time.ts";

/**
 * The general msgpack scanner: takes all that vmihailenco/msgpack v2 takes (any key order, unknown and missing keys, structs as
 * arrays, nil), and bounds what that leaves open: it reads nothing outside the record, and nests no deeper than MAX_DEPTH.
 */
export const MAX_DEPTH = 64;

/** What a walk saw, in order: enough to generate a scanner for records of the same shape. */
export interface Trace {
  /** Where each value that may vary lies; null: an unknown key's. */
  readonly values: { start: number; end: number; leaf: Leaf | null }[];
  /** Cannot be generated: a key came twice. */
  odd: boolean;
}

const NONE = new Set<number>();

interface Keys {
  readonly struct: Struct;
  /** Go's order, which positional structs have. */
  readonly nodes: readonly FieldNode[];
  readonly encoded: readonly Buffer[];
  readonly byKey: ReadonlyMap<string, number>;
  /** The words of all leaves below, for a nil struct. */
  readonly slots: readonly number[];
}

const keysOf = new WeakMap<Struct, Keys>();

function keys(struct: Struct): Keys {
  let found = keysOf.get(struct);
  if (!found) {
    const nodes = struct.children.filter((node) => node.key !== "");
    found = {
      struct,
      nodes,
      encoded: nodes.map((node) => Buffer.from(node.key)),
      byKey: new Map(nodes.map((node, i) => [node.key, i])),
      slots: nodes.flatMap(wordsOf),
    };
    keysOf.set(struct, found);
  }
  return found;
}

/** All walks return where the value ends, or -1: then `fault` says why. */
export class MsgpackScanner {
  private readonly root: Keys;
  /** Reports of uptime tests need not come from a gateway: their times may be written in the usual ways, too. */
  private readonly anyTime: boolean;
  private b: Buffer = Buffer.alloc(0);
  private end = 0;
  private slots: Uint32Array = new Uint32Array(0);
  private base = 0;
  private trace: Trace | null = null;
  private faultAt = 0;
  private faultWhat = "";
  private faultField = "";
  /** Of the keys seen, in order: equal for records of one shape, nearly never for others. */
  signature = 0;

  constructor(schema: Schema) {
    this.root = keys(schema.root);
    this.anyTime = schema.kind === "uptime";
  }

  /** The slots of the row must be zero. */
  scan(b: Buffer, start: number, end: number, slots: Uint32Array, base: number, trace: Trace | null = null): number {
    this.b = b;
    this.end = end;
    this.slots = slots;
    this.base = base;
    this.trace = trace;
    this.signature = 0;
    this.faultField = "";
    return this.struct(this.root, start);
  }

  /** Why the last scan returned -1. `start`: of the record. */
  reason(start: number): string {
    const field = this.faultField === "" ? "record" : this.faultField;
    return `${field}: ${this.faultWhat} at byte ${this.faultAt - start}`;
  }

  private fail(p: number, what: string): -1 {
    this.faultAt = p;
    this.faultWhat = what;
    return -1;
  }

  private cut(p: number): -1 {
    return this.fail(p, "ends too early");
  }

  private invalid(p: number, wanted: string): -1 {
    if (p >= this.end) return this.cut(p);
    return this.fail(p, `code ${this.b[p]!.toString(16).padStart(2, "0")} is not ${wanted}`);
  }

  private struct(keys: Keys, start: number): number {
    const { b, end } = this;
    if (start >= end) return this.cut(start);
    const code = b[start]!;
    if (code === 0xc0) {
      for (const slot of keys.slots) this.slots[this.base + slot] = 0;
      this.sign(1);
      return start + 1;
    }
    const positional = (code & 0xf0) === 0x90 || code === 0xdc || code === 0xdd;
    const size = this.sizeOf(start, positional ? 0x90 : 0x80);
    if (size < 0) return this.invalid(start, "a map");
    let p = start + this.headerOf(code);
    this.sign(size + 2);
    const { nodes } = keys;
    if (positional) {
      for (let i = 0; i < size; i++) {
        const node = nodes[i];
        p = node ? this.value(node, p) : this.unknown(p);
        if (p < 0) return -1;
      }
      return p;
    }
    const seen = this.trace ? new Set<number>() : NONE;
    let next = 0;
    for (let i = 0; i < size; i++) {
      const keyAt = p;
      p = this.text(p);
      if (p < 0) return -1;
      const index = this.find(keys, next, keyAt, p);
      if (index < 0) {
        this.signBytes(keyAt, p);
        p = this.unknown(p);
      } else {
        if (this.trace) {
          if (seen.has(index)) this.trace.odd = true;
          seen.add(index);
        }
        this.sign(index + 1000);
        p = this.value(nodes[index]!, p);
        next = index + 1;
      }
      if (p < 0) return -1;
    }
    return p;
  }

  /** The key's node: most likely the one after the last. */
  private find(keys: Keys, next: number, keyAt: number, keyEnd: number): number {
    const { b } = this;
    const start = keyEnd - this.textSize;
    const expected = keys.encoded[next];
    if (expected && expected.length === this.textSize) {
      let i = 0;
      while (i < expected.length && expected[i] === b[start + i]) i++;
      if (i === expected.length) {
        // The same key may be written in several ways: fixstr, str8, bin8, ...
        if (start !== keyAt + 1) this.sign(start - keyAt);
        return next;
      }
    }
    if (this.textSize > 32) return -1;
    const found = keys.byKey.get(b.latin1Slice(start, keyEnd));
    if (found === undefined) return -1;
    this.sign(start - keyAt);
    return found;
  }

  private sign(n: number): void {
    this.signature = (Math.imul(this.signature, 31) + n) | 0;
  }

  private signBytes(from: number, to: number): void {
    for (let i = from; i < Math.min(to, from + 40); i++) this.sign(this.b[i]!);
  }

  private unknown(p: number): number {
    const q = this.skip(p, 0);
    if (q < 0) this.faultField ||= "unknown key";
    else this.trace?.values.push({ start: p, end: q, leaf: null });
    return q;
  }

  private value(node: FieldNode, p: number): number {
    if (node.node === "struct") {
      const q = this.struct(keys(node), p);
      if (q < 0) this.faultField = this.faultField === "" ? node.key : `${node.key}.${this.faultField}`;
      return q;
    }
    const q = this.leaf(node, p);
    if (q < 0) this.faultField = node.key;
    else this.trace?.values.push({ start: p, end: q, leaf: node });
    return q;
  }

  private leaf(leaf: Leaf, p: number): number {
    const { b, slots } = this;
    const slot = this.base + leaf.slot;
    const code = p < this.end ? b[p]! : -1;
    let q: number;
    switch (leaf.type) {
      case "text":
        q = this.text(p);
        if (q >= 0 && leaf.slot >= 0) {
          slots[slot] = q - this.textSize;
          slots[slot + 1] = q;
        }
        return q;
      case "int64":
      case "int32":
      case "uint32":
        q = this.int(p);
        break;
      case "float":
        if (code < 0 || FLOAT_SIZE[code] === 0) return this.invalid(p, "a number");
        q = p + FLOAT_SIZE[code]!;
        break;
      case "boolean":
        if (code !== 0xc2 && code !== 0xc3) return this.invalid(p, "a boolean");
        q = p + 1;
        break;
      case "time":
        q = code === 0x92 ? this.int(p + 1) : this.otherTime(p);
        if (q >= 0 && code === 0x92) q = this.int(q);
        break;
      case "texts":
        // A nil leaves what an earlier key of the same name has set.
        if (code === 0xc0) return p + 1;
        q = this.texts(p);
        break;
      case "textMap":
      case "textsMap":
        q = this.map(p, leaf.type === "textsMap");
        break;
      case "errors":
        q = this.errors(p);
    }
    if (q < 0) return -1;
    if (q > this.end) return this.cut(p);
    slots[slot] = code === 0xc0 ? 0 : p;
    return q;
  }

  private int(p: number): number {
    if (p >= this.end) return this.cut(p);
    const size = INT_SIZE[this.b[p]!]!;
    if (size === 0) return this.invalid(p, "an integer");
    return p + size > this.end ? this.cut(p) : p + size;
  }

  /** The extension -1 of 4, 8 or 12 bytes, or a text in RFC 3339. */
  private otherTime(p: number): number {
    const { b, end } = this;
    const code = p < end ? b[p]! : 0xc0;
    if (!this.anyTime || code === 0xc0) return this.invalid(p, "a time");
    const ext = code === 0xc7 && b[p + 1] === 12 ? b[p + 2] : code === 0xd6 || code === 0xd7 ? b[p + 1] : 0;
    if (ext === 0xff) return this.ext(p, code);
    const q = this.text(p);
    if (q < 0) return this.invalid(p, "a time");
    return parseRfc3339(decodeText(b, q - this.textSize, q)) ? q : this.fail(p, "a text is not a time");
  }

  /** Bytes of the text that `text` went over last. */
  private textSize = 0;

  private text(p: number): number {
    const { b, end } = this;
    if (p >= end) return this.cut(p);
    const code = b[p]!;
    let start = p + 1;
    let size = 0;
    if (code >= 0xa0 && code < 0xc0) size = code & 31;
    else if (code === 0xd9 || code === 0xc4) {
      start = p + 2;
      size = b[p + 1]!;
    } else if (code === 0xda || code === 0xc5) {
      start = p + 3;
      size = (b[p + 1]! << 8) | b[p + 2]!;
    } else if (code === 0xdb || code === 0xc6) {
      start = p + 5;
      size = ((b[p + 1]! << 24) | (b[p + 2]! << 16) | (b[p + 3]! << 8) | b[p + 4]!) >>> 0;
    } else if (code !== 0xc0) return this.invalid(p, "a string");
    if (start > end || start + size > end) return this.cut(p);
    this.textSize = size;
    return start + size;
  }

  /** Items of a list (`kind` 0x90) or pairs of a map (0x80); -1: neither, or cut off. */
  private sizeOf(p: number, kind: 0x80 | 0x90): number {
    const { b, end } = this;
    if (p >= end) return -1;
    const code = b[p]!;
    if ((code & 0xf0) === kind) return code & 15;
    const wide = kind === 0x90 ? 0xdc : 0xde;
    if (code === wide) return p + 3 > end ? -1 : (b[p + 1]! << 8) | b[p + 2]!;
    if (code !== wide + 1 || p + 5 > end) return -1;
    return ((b[p + 1]! << 24) | (b[p + 2]! << 16) | (b[p + 3]! << 8) | b[p + 4]!) >>> 0;
  }

  private headerOf(code: number): number {
    return code < 0xa0 ? 1 : code === 0xdc || code === 0xde ? 3 : 5;
  }

  /** A list of texts, or nil. */
  private texts(p: number): number {
    if (p < this.end && this.b[p] === 0xc0) return p + 1;
    const size = this.sizeOf(p, 0x90);
    if (size < 0) return this.invalid(p, "a list");
    let q = p + this.headerOf(this.b[p]!);
    for (let i = 0; i < size && q >= 0; i++) q = this.text(q);
    return q;
  }

  private map(p: number, lists: boolean): number {
    if (p < this.end && this.b[p] === 0xc0) return p + 1;
    const size = this.sizeOf(p, 0x80);
    if (size < 0) return this.invalid(p, "a map");
    let q = p + this.headerOf(this.b[p]!);
    for (let i = 0; i < size && q >= 0; i++) {
      q = this.text(q);
      if (q >= 0) q = lists ? this.texts(q) : this.text(q);
    }
    return q;
  }

  private errors(p: number): number {
    if (p < this.end && this.b[p] === 0xc0) return p + 1;
    const size = this.sizeOf(p, 0x90);
    if (size < 0) return this.invalid(p, "a list");
    let q = p + this.headerOf(this.b[p]!);
    for (let i = 0; i < size && q >= 0; i++) q = this.error(q);
    return q;
  }

  /** GraphError: Message string, Path []any. */
  private error(p: number): number {
    const { b, end } = this;
    if (p < end && b[p] === 0xc0) return p + 1;
    const list = this.sizeOf(p, 0x90);
    const size = list >= 0 ? list : this.sizeOf(p, 0x80);
    if (size < 0) return this.invalid(p, "a map");
    let q = p + this.headerOf(b[p]!);
    for (let i = 0; i < size && q >= 0; i++) {
      let key = ["Message", "Path"][i] ?? "";
      if (list < 0) {
        q = this.text(q);
        if (q < 0) return -1;
        key = this.textSize <= 32 ? b.latin1Slice(q - this.textSize, q) : "";
      }
      if (key === "Message") q = this.text(q);
      else if (key === "Path" && q < end && b[q] !== 0xc0 && this.sizeOf(q, 0x90) < 0) return this.invalid(q, "a list");
      else q = this.skip(q, 0);
    }
    return q;
  }

  /** Any value. */
  skip(p: number, depth: number): number {
    const { b, end } = this;
    if (p >= end) return this.cut(p);
    const code = b[p]!;
    const size = FLOAT_SIZE[code]!;
    if (size > 0) return p + size > end ? this.cut(p) : p + size;
    if ((code >= 0xa0 && code < 0xc0) || (code >= 0xc4 && code <= 0xc6) || (code >= 0xd9 && code <= 0xdb))
      return this.text(p);
    if (code === 0xc2 || code === 0xc3) return p + 1;
    const ext = this.ext(p, code);
    if (ext !== 0) return ext;
    const pairs = this.sizeOf(p, 0x80);
    const items = pairs >= 0 ? 2 * pairs : this.sizeOf(p, 0x90);
    if (items < 0) return this.invalid(p, "a value");
    if (depth >= MAX_DEPTH) return this.fail(p, `nests deeper than ${MAX_DEPTH}`);
    let q = p + this.headerOf(code);
    for (let i = 0; i < items && q >= 0; i++) q = this.skip(q, depth + 1);
    return q;
  }

  /** Steps over an extension; 0 if it is none. */
  private ext(p: number, code: number): number {
    let size: number;
    if (code >= 0xd4 && code <= 0xd8) size = 2 + (1 << (code - 0xd4));
    else if (code >= 0xc7 && code <= 0xc9) {
      const length = 1 << (code - 0xc7);
      size = 2 + length;
      for (let i = 0, n = 0; i < length; i++) {
        n = n * 256 + (this.b[p + 1 + i] ?? 0);
        if (i === length - 1) size += n;
      }
    } else return 0;
    return p + size > this.end ? this.cut(p) : p + size;
  }

  /** For generated scanners: a text, list or map where their short way does not fit, or an unknown key's value. */
  other(leaf: Leaf | null, b: Buffer, p: number, end: number, slots: Uint32Array, base: number): number {
    this.b = b;
    this.end = end;
    this.slots = slots;
    this.base = base;
    this.trace = null;
    return leaf ? this.leaf(leaf, p) : this.skip(p, 0);
  }
}

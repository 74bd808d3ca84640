import { analyticsSchema, type FieldNode, type Leaf, type Struct } from "./fields.ts";
import { ProtoCursor } from "./protobuf.ts";
import { MAX_DEPTH } from "./scan-msgpack.ts";
import { EDITED, type RecordTable } from "./table.ts";

/**
 * The protobuf scanner. A number's slot is the offset of its varint (or of its 8 bytes), a time's that of the message's length.
 * A list's or map's is one more than the offset of the top-level tag at which its first item lies (a record may begin at 0, which is
 * nil): items may come anywhere after it, so whoever reads them walks the record again from there. Unknown fields and known numbers with another wire type are
 * skipped, of a repeated scalar the last counts, repeated messages merge: as proto3 says.
 */
interface Message {
  /** Index + 1 into `nodes` by the tag's value (field number and wire type). */
  readonly byTag: Uint8Array;
  readonly nodes: readonly FieldNode[];
  readonly messages: readonly (Message | null)[];
  /** Not nil as soon as the message is there. */
  readonly present: readonly Leaf[];
}

const WIRE_TYPES: { readonly [type in Leaf["type"]]: number } = {
  text: 2,
  int64: 0,
  int32: 0,
  uint32: 0,
  float: 1,
  boolean: 0,
  time: 2,
  texts: 2,
  textMap: 2,
  textsMap: 2,
  errors: 2,
};

function compile(struct: Struct): Message {
  // The reference drops the names of cities, the only map of texts.
  const nodes = struct.children.filter((node) => node.proto > 0 && (node.node === "struct" || node.type !== "textMap"));
  const byTag = new Uint8Array(512);
  for (const [i, node] of nodes.entries()) {
    byTag[(node.proto << 3) | (node.node === "struct" ? 2 : WIRE_TYPES[node.type])] = i + 1;
  }
  return {
    byTag,
    nodes,
    messages: nodes.map((node) => (node.node === "struct" ? compile(node) : null)),
    present: nodes
      .filter((node) => node.node === "leaf")
      .filter(({ type }) => type === "textsMap" || type === "errors"),
  };
}

const ROOT = compile(analyticsSchema.root);
/** A canonical Timestamp message with its length: two tags, two varints. */
const TIME_BYTES = 1 + 2 + 2 * 10;

export class ProtobufScanner {
  private table!: RecordTable;
  private b: Buffer = Buffer.alloc(0);
  private base = 0;
  private fault = "";
  private faultAt = 0;
  private faultField = "";
  /** Where the reader of varints stands. */
  private p = 0;

  /** Returns whether the record can be read; the slots of its row must be zero. */
  scan(table: RecordTable, row: number): boolean {
    this.table = table;
    this.b = table.bytes;
    this.base = row * table.stride;
    this.faultField = "";
    const start = table.start(row);
    const end = table.end(row);
    if (start < end) return this.message(ROOT, start, end, -1);
    return this.fail(start, "is empty");
  }

  /** Why the last scan returned false. `start`: of the record. */
  reason(start: number): string {
    return `${this.faultField === "" ? "record" : this.faultField}: ${this.fault} at byte ${this.faultAt - start}`;
  }

  private fail(p: number, what: string): false {
    this.fault = what;
    this.faultAt = p;
    return false;
  }

  /** `top`: offset of the top-level tag that led here, -1 at the top. */
  private message(message: Message, start: number, end: number, top: number): boolean {
    const { b } = this;
    const { slots } = this.table;
    for (const leaf of message.present) slots[this.base + leaf.slot] ||= top + 1;
    let p = start;
    while (p < end) {
      const tagAt = p;
      let tag = b[p]!;
      if (tag < 0x80) p++;
      else {
        tag = this.varint(p, end);
        if (tag < 0) return false;
        p = this.p;
      }
      const index = tag < 512 ? message.byTag[tag]! : 0;
      if (index === 0) {
        p = this.skip(tag, p, end, 0);
        if (p < 0) return false;
        continue;
      }
      const node = message.nodes[index - 1]!;
      const at = p;
      let from = p;
      if ((tag & 7) === 2) {
        let size = p < end ? b[p]! : 0x80;
        if (size < 0x80) p++;
        else {
          size = this.varint(p, end);
          p = this.p;
        }
        from = p;
        p += size;
        if (size < 0 || p > end) return this.cut(node, tagAt, size);
      } else if ((tag & 7) === 1) p += 8;
      else {
        while (p < end && b[p]! >= 0x80) p++;
        p++;
        if (p - at > 10) {
          this.fail(at, "a varint is longer than 10 bytes");
          return this.named(node);
        }
      }
      if (p > end) return this.cut(node, tagAt, 0);
      const outer = top < 0 ? tagAt : top;
      if (node.node === "struct") {
        if (!this.message(message.messages[index - 1]!, from, p, outer)) return this.named(node);
        continue;
      }
      const slot = this.base + node.slot;
      if (node.type === "text") {
        slots[slot] = from;
        slots[slot + 1] = p;
      } else if (node.type === "time") {
        if (!this.time(slot, at, from, p)) return this.named(node);
      } else if (node.kind === "list" || node.kind === "map") {
        if (node.type === "textsMap" && !this.entry(from, p, 0)) return this.named(node);
        slots[slot] ||= outer + 1;
      } else slots[slot] = at;
    }
    return true;
  }

  private cut(node: FieldNode, at: number, size: number): false {
    if (size >= 0) this.fail(at, "ends too early");
    return this.named(node);
  }

  private named(node: FieldNode): false {
    this.faultField = this.faultField === "" ? node.key || "TimeZone" : `${node.key}.${this.faultField}`;
    return false;
  }

  /** A varint that must fit in 32 bits (tags, sizes); -1: it does not, or is cut off. Sets `p`. */
  private varint(start: number, end: number): number {
    let value = 0;
    for (let p = start, scale = 1; p < end && p < start + 10; p++, scale *= 128) {
      const byte = this.b[p]!;
      value += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      this.p = p + 1;
      if (value <= 0xffffffff) return value;
      this.fail(start, "a number is too big");
      return -1;
    }
    this.p = end;
    this.fail(start, end - start >= 10 ? "a varint is longer than 10 bytes" : "ends too early");
    return -1;
  }

  /** Steps over the value of an unknown field; -1 if it cannot. */
  private skip(tag: number, p: number, end: number, depth: number): number {
    let q = p;
    const type = tag & 7;
    if (tag >>> 3 === 0 || type === 4 || type > 5) {
      this.fail(p, `tag ${tag} is not valid`);
      return -1;
    }
    if (type === 0) {
      while (q < end && this.b[q]! >= 0x80) q++;
      q++;
      if (q - p > 10) {
        this.fail(p, "a varint is longer than 10 bytes");
        return -1;
      }
    } else if (type === 1) q += 8;
    else if (type === 5) q += 4;
    else if (type === 2) {
      const size = this.varint(p, end);
      if (size < 0) return -1;
      q = this.p + size;
    } else {
      if (depth >= MAX_DEPTH) {
        this.fail(p, `nests deeper than ${MAX_DEPTH}`);
        return -1;
      }
      for (;;) {
        const inner = this.varint(q, end);
        if (inner < 0) return -1;
        q = this.p;
        if ((inner & 7) === 4) {
          if (inner >>> 3 === tag >>> 3) return q;
          this.fail(q, "a group ends that has not begun");
          return -1;
        }
        q = this.skip(inner, q, end, depth + 1);
        if (q < 0) return -1;
      }
    }
    if (q <= end) return q;
    this.fail(p, "ends too early");
    return -1;
  }

  /** A Timestamp: checked here, so that readers need not. A second one of the same field merges into the first. */
  private time(slot: number, at: number, from: number, to: number): boolean {
    const { slots } = this.table;
    if (!this.fields(from, to)) return false;
    const before = slots[slot]!;
    if (before === 0) {
      slots[slot] = at;
      return true;
    }
    const { table, b } = this;
    const edited = before >= EDITED;
    const merged = new Map<number, bigint>();
    collect(edited ? table.edits : b, edited ? before - EDITED : before, merged);
    collect(b, at, merged);
    const place = edited ? before - EDITED : table.reserve(TIME_BYTES);
    let q = place + 1;
    for (const [tag, value] of merged) {
      table.edits[q++] = tag;
      let rest = BigInt.asUintN(64, value);
      for (; rest > 127n; rest >>= 7n) table.edits[q++] = Number(rest & 127n) | 0x80;
      table.edits[q++] = Number(rest);
    }
    table.edits[place] = q - place - 1;
    slots[slot] = EDITED + place;
    return true;
  }

  /** Whether all fields of a message can be stepped over. */
  private fields(from: number, to: number): boolean {
    for (let p = from; p < to; ) {
      const tag = this.varint(p, to);
      if (tag < 0) return false;
      p = this.skip(tag, this.p, to, 0);
      if (p < 0) return false;
    }
    return true;
  }

  /** An entry of a map<string, RepeatedFields>, and the RepeatedFields in it. */
  private entry(from: number, to: number, depth: number): boolean {
    if (!this.fields(from, to)) return false;
    if (depth === 1) return true;
    for (let p = from; p < to; ) {
      const tag = this.varint(p, to);
      const at = this.p;
      p = this.skip(tag, at, to, 0);
      if (tag !== 18) continue;
      const size = this.varint(at, to);
      if (!this.entry(this.p, this.p + size, 1)) return false;
    }
    return true;
  }
}

/** What is written counts, a zero too. */
function collect(b: Buffer, p: number, into: Map<number, bigint>): void {
  const cursor = new ProtoCursor(b, p);
  const size = cursor.varint();
  for (const end = cursor.p + size; cursor.p < end; ) {
    const tag = cursor.varint();
    if (tag === 8) into.set(tag, cursor.bigVarint());
    else if (tag === 16) into.set(tag, BigInt.asIntN(32, cursor.bigVarint()));
    else cursor.skip(tag);
  }
}

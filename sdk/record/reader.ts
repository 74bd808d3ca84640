/** Values of a table's fields, whatever the wire, as JavaScript has them. A row must be within the table. */
import { type Leaf, type Schema, type Struct, ZONE_SLOT } from "./fields.ts";
import { bigIntAt, define, floatAt, intAt, MsgpackCursor, timeAt } from "./msgpack.ts";
import { doubleAt, eachOf, lowVarintAt, ProtoCursor, textsOf, timestampAt } from "./protobuf.ts";
import { EDITED, type RecordTable } from "./table.ts";
import { type Decode, decodeText } from "./text.ts";
import { GoTime, zeroTime } from "./time.ts";
import { UTC, type Zone, zoneNamed } from "./zone.ts";

export interface GraphError {
  message: string;
  path: unknown[] | null;
}

export function textOf(table: RecordTable, row: number, leaf: Leaf): string {
  return textAt(table, row * table.stride + leaf.slot);
}

/** `word`: index of the first of the text's two words. */
function textAt(table: RecordTable, word: number): string {
  const start = table.slots[word]!;
  const end = table.slots[word + 1]!;
  if (start < EDITED) return decodeText(table.bytes, start, end);
  return decodeText(table.edits, start - EDITED, end - EDITED);
}

/** A view of the text's bytes, not a copy. */
export function textBytesOf(table: RecordTable, row: number, leaf: Leaf): Buffer {
  const word = row * table.stride + leaf.slot;
  const start = table.slots[word]!;
  const end = table.slots[word + 1]!;
  if (start < EDITED) return table.bytes.subarray(start, end);
  return table.edits.subarray(start - EDITED, end - EDITED);
}

/** Integers as doubles (exact up to 2^53), floats, 0 or 1 for booleans. */
export function numberOf(table: RecordTable, row: number, leaf: Leaf): number {
  const p = table.slots[row * table.stride + leaf.slot]!;
  if (p === 0) return 0;
  const { bytes } = table;
  switch (leaf.type) {
    case "float":
      return table.protobuf ? doubleAt(bytes, p) : floatAt(bytes, p);
    case "boolean":
      return table.protobuf ? Number(new ProtoCursor(bytes, p).varint() !== 0) : bytes[p]! & 1;
  }
  if (!table.protobuf) return intAt(bytes, p, leaf.type === "uint32");
  if (bytes[p]! < 0x80) return bytes[p]!;
  if (leaf.type === "int64") return new ProtoCursor(bytes, p).varint();
  const low = lowVarintAt(bytes, p);
  return leaf.type === "uint32" ? low >>> 0 : low;
}

/** Integers that `numberOf` cannot give exactly. */
export function bigIntOf(table: RecordTable, row: number, leaf: Leaf): bigint {
  const p = table.slots[row * table.stride + leaf.slot]!;
  if (p === 0) return 0n;
  const value = table.protobuf ? new ProtoCursor(table.bytes, p).bigVarint() : bigIntAt(table.bytes, p);
  if (leaf.type === "uint32") return BigInt.asUintN(table.protobuf ? 32 : 64, value);
  return BigInt.asIntN(table.protobuf && leaf.type === "int32" ? 32 : 64, value);
}

/** The zone of a row's times; null where the record names an unknown one: its times are zero. */
export function zoneOf(table: RecordTable, row: number): Zone | null {
  if (!table.protobuf) return table.localZone;
  const word = row * table.stride + ZONE_SLOT;
  const start = table.slots[word]!;
  const size = table.slots[word + 1]! - start;
  if (size === 0) return UTC;
  if (size === 3 && table.bytes[start] === 0x55 && table.bytes[start + 1] === 0x54 && table.bytes[start + 2] === 0x43)
    return UTC;
  return zoneNamed(textAt(table, word));
}

export function timeOf(table: RecordTable, row: number, leaf: Leaf): GoTime {
  const p = table.slots[row * table.stride + leaf.slot]!;
  const zone = p === 0 ? null : zoneOf(table, row);
  if (!zone) return zeroTime();
  if (table.protobuf) {
    const { seconds, nanos } = p < EDITED ? timestampAt(table.bytes, p) : timestampAt(table.edits, p - EDITED);
    return new GoTime(seconds, nanos, zone);
  }
  const { seconds, nanos } = timeAt(table.bytes, p);
  return new GoTime(seconds, nanos, zone);
}

export function textsAt(table: RecordTable, row: number, leaf: Leaf, decode: Decode = decodeText): string[] | null {
  const p = table.slots[row * table.stride + leaf.slot]!;
  if (p === 0) return null;
  if (!table.protobuf) return new MsgpackCursor(table.bytes, p, decode).strings();
  return textsOf(table.bytes, p - 1, table.end(row), protoPath(table.schema, leaf), decode);
}

/** Calls `found` with the place of each item of a protobuf list of texts that is not nil. */
export function eachProtoText(
  table: RecordTable,
  row: number,
  leaf: Leaf,
  found: (from: number, to: number) => void,
): void {
  const p = table.slots[row * table.stride + leaf.slot]!;
  eachOf(table.bytes, p - 1, table.end(row), protoPath(table.schema, leaf), found);
}

export function textMapOf(
  table: RecordTable,
  row: number,
  leaf: Leaf,
  decode: Decode = decodeText,
): { [key: string]: string } | null {
  const p = table.slots[row * table.stride + leaf.slot]!;
  // Protobuf records have none.
  if (p === 0) return null;
  const cursor = new MsgpackCursor(table.bytes, p, decode);
  const map: { [key: string]: string } = {};
  for (let left = cursor.enter(); left > 0; left--) define(map, cursor.string(), cursor.string());
  return map;
}

export function textsMapOf(
  table: RecordTable,
  row: number,
  leaf: Leaf,
  decode: Decode = decodeText,
): { [key: string]: string[] | null } | null {
  const p = table.slots[row * table.stride + leaf.slot]!;
  if (p === 0) return null;
  const map: { [key: string]: string[] | null } = {};
  if (!table.protobuf) {
    const cursor = new MsgpackCursor(table.bytes, p, decode);
    for (let left = cursor.enter(); left > 0; left--) define(map, cursor.string(), cursor.strings());
    return map;
  }
  const { bytes } = table;
  eachOf(bytes, p - 1, table.end(row), protoPath(table.schema, leaf), (from, to) => {
    let key = "";
    eachOf(bytes, from, to, [1], (start, end) => {
      key = decode(bytes, start, end);
    });
    const list = textsOf(bytes, from, to, [2, 1], decode);
    define(map, key, list.length === 0 ? null : list);
  });
  return map;
}

export function errorsOf(
  table: RecordTable,
  row: number,
  leaf: Leaf,
  decode: Decode = decodeText,
): GraphError[] | null {
  const p = table.slots[row * table.stride + leaf.slot]!;
  if (p === 0) return null;
  if (table.protobuf) {
    const messages = textsOf(table.bytes, p - 1, table.end(row), protoPath(table.schema, leaf), decode);
    return messages.map((message) => ({ message, path: null }));
  }
  const cursor = new MsgpackCursor(table.bytes, p, decode);
  const list = new Array<GraphError>(cursor.enter());
  for (let i = 0; i < list.length; i++) list[i] = cursor.error();
  return list;
}

/** The value of the property: see AnalyticsRecord. `decode`: of the texts in lists and maps. */
export function propertyOf(table: RecordTable, row: number, leaf: Leaf, decode: Decode = decodeText): unknown {
  switch (leaf.type) {
    case "text":
      return textOf(table, row, leaf);
    case "boolean":
      return numberOf(table, row, leaf) !== 0;
    case "time":
      return timeOf(table, row, leaf);
    case "texts":
      return textsAt(table, row, leaf, decode);
    case "textMap":
      return textMapOf(table, row, leaf, decode);
    case "textsMap":
      return textsMapOf(table, row, leaf, decode);
    case "errors":
      return errorsOf(table, row, leaf, decode);
    default:
      return numberOf(table, row, leaf);
  }
}

/** The record as its JSON object, times as RFC 3339. Integers beyond 2^53 are doubles here (the JSON encoder is exact). */
export function objectOf(
  table: RecordTable,
  row: number,
  struct: Struct = table.schema.root,
): { [name: string]: unknown } {
  const object: { [name: string]: unknown } = {};
  for (const node of struct.children) {
    if (node.json === "") continue;
    if (node.node === "struct") object[node.json] = objectOf(table, row, node);
    else {
      const value = propertyOf(table, row, node);
      object[node.json] = value instanceof GoTime ? value.text("rfc3339") : value;
    }
  }
  return object;
}

const paths = new WeakMap<Leaf, number[]>();

/** Field numbers from the record down to the leaf. */
export function protoPath(schema: Schema, leaf: Leaf): number[] {
  let path = paths.get(leaf);
  if (!path) {
    path = find(schema.root, leaf) ?? [];
    paths.set(leaf, path);
  }
  return path;
}

function find(struct: Struct, leaf: Leaf): number[] | null {
  for (const node of struct.children) {
    if (node === leaf) return [leaf.proto];
    const below = node.node === "struct" ? find(node, leaf) : null;
    if (below) return [node.proto, ...below];
  }
  return null;
}

import type { Leaf } from "../record/fields.ts";
import { MsgpackCursor } from "../record/msgpack.ts";
import { eachProtoText } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";
import { writeJsonText } from "./json-text.ts";
import { sortedPairs } from "./maps.ts";
import { writeAscii } from "./numbers.ts";
import { viewOf } from "./output.ts";

const NOWHERE = new DataView(new ArrayBuffer(0));

/** Lists and maps as JSON, straight from the wire. Each returns where it ends; there must be room for six times the record's size. */
export class JsonPlace {
  /** What a list that is nil becomes. */
  readonly nil: string;
  /** Views of what is read and of the page. */
  from: DataView = NOWHERE;
  to: DataView = NOWHERE;
  out: Buffer = Buffer.alloc(0);

  constructor(nil: string) {
    this.nil = nil;
  }

  /** One object for all rows: the page may have moved. */
  at(bytes: Buffer, out: Buffer, to: DataView): this {
    this.from = viewOf(bytes);
    this.out = out;
    this.to = to;
    return this;
  }
}

/** A msgpack list of texts. */
export function writeTexts(cursor: MsgpackCursor, { from, out, to, nil }: JsonPlace, at: number): number {
  if (cursor.nil()) {
    cursor.p++;
    return writeAscii(to, at, nil);
  }
  let o = at;
  out[o++] = 91;
  for (let left = cursor.enter(); left > 0; left--) {
    const start = cursor.text();
    o = writeJsonText(cursor.b, from, start, cursor.p - start, out, to, o);
    if (left > 1) out[o++] = 44;
  }
  out[o++] = 93;
  return o;
}

/** A protobuf list of texts that is not nil. */
export function writeProtoTexts(
  table: RecordTable,
  row: number,
  leaf: Leaf,
  { from, out, to }: JsonPlace,
  at: number,
): number {
  let o = at + 1;
  eachProtoText(table, row, leaf, (start, end) => {
    o = writeJsonText(table.bytes, from, start, end - start, out, to, o);
    out[o++] = 44;
  });
  // At least one was there, or the list would be nil.
  out[at] = 91;
  out[o - 1] = 93;
  return o;
}

/** A msgpack map of texts, or of lists of them, keys in byte order. */
export function writeTextMap(bytes: Buffer, p: number, lists: boolean, place: JsonPlace, at: number): number {
  const { from, out, to } = place;
  let o = at;
  out[o++] = 123;
  for (const { key, keyEnd, value, end } of sortedPairs(bytes, p, lists)) {
    if (o > at + 1) out[o++] = 44;
    o = writeJsonText(bytes, from, key, keyEnd - key, out, to, o);
    out[o++] = 58;
    if (lists) o = writeTexts(new MsgpackCursor(bytes, value), place, o);
    else o = writeJsonText(bytes, from, value, end - value, out, to, o);
  }
  out[o++] = 125;
  return o;
}

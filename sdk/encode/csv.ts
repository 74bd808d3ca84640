import type { RecordBatch } from "../record/batch.ts";
import type { Leaf } from "../record/fields.ts";
import { intAt, MsgpackCursor } from "../record/msgpack.ts";
import { bigIntOf, eachProtoText, numberOf, propertyOf } from "../record/reader.ts";
import { EDITED, type RecordTable } from "../record/table.ts";
import type { AnalyticsRecord, Field } from "../record/types.ts";
import { copyLong, copyText, LONG, PLAIN, QUOTED, quote, quoteIfNeeded } from "./csv-text.ts";
import { sortedPairs } from "./maps.ts";
import { writeAscii, writeCut, writeInt, writeUint, writeWrapped } from "./numbers.ts";
import { type Output, viewOf } from "./output.ts";
import { type Encoder, pagesOf, type RowWriter } from "./pages.ts";
import { rowPlan } from "./row-plan.ts";
import { RowTimes } from "./times.ts";

export type CsvColumn = Field | ((record: AnalyticsRecord) => string);

export interface CsvOptions {
  /** Signed numbers, whole coordinates and the month as a number, where the reference has 18446744073709551615, cut coordinates and "March". */
  plain?: boolean;
}

/** How a column is written. */
const TEXT = 0;
const WRAPPED = 1;
const SIGNED = 2;
const TIME = 3;
const MONTH = 4;
const BOOLEAN = 5;
const FLOAT = 6;
const CUT = 7;
const TEXTS = 8;
const NAMES = 9;
const JSON_TEXT = 10;
const COMPUTED = 11;

const COMMA = 44;
const NEWLINE = 10;
const SEMICOLON = 59;
const COLON = 58;

const MONTHS = "January February March April May June July August September October November December".split(" ");
const TRUE = "true";
const FALSE = "false";

/** Rows as the reference's CSV pump writes them, end of line LF, without a header. Bytes pass through untouched. */
export function csvEncoder(columns: readonly CsvColumn[], options: CsvOptions = {}): Encoder<AnalyticsRecord> {
  return pagesOf(new CsvRows(columns, options.plain ?? false));
}

class CsvRows implements RowWriter<AnalyticsRecord> {
  private readonly columns: readonly CsvColumn[];
  private readonly leaves: readonly (Leaf | null)[];
  private readonly ops: Uint8Array;
  private readonly slots: Uint16Array;
  /** What a row takes besides its texts. */
  private readonly fixed: number;
  /** How often the same text may come in a row. */
  private readonly copies: number;
  private readonly times = new RowTimes("go");
  private table: RecordTable | null = null;
  private view: DataView = new DataView(new ArrayBuffer(0));

  constructor(columns: readonly CsvColumn[], plain: boolean) {
    this.columns = columns;
    const { leaves, slots, fixed, copies } = rowPlan(columns);
    this.leaves = leaves;
    this.ops = Uint8Array.from(leaves, (leaf) => (leaf ? operation(leaf, plain) : COMPUTED));
    this.slots = slots;
    this.fixed = fixed;
    this.copies = copies;
  }

  guess(bytes: number): number {
    return bytes + 4096;
  }

  row(output: Output, table: RecordTable, row: number, batch: RecordBatch, index: number): void {
    if (table !== this.table) {
      this.table = table;
      this.view = viewOf(table.bytes);
    }
    const room = this.fixed + 2 * this.copies * (table.end(row) - table.start(row));
    output.ensure(room);
    const { ops, slots: columns, view: from } = this;
    const { bytes, slots, stride, protobuf } = table;
    const base = row * stride;
    let { bytes: out, view: to } = output;
    let o = output.at;
    for (let c = 0; c < ops.length; c++) {
      if (c > 0) out[o++] = COMMA;
      const word = base + columns[c]!;
      const op = ops[c]!;
      if (op === TEXT) {
        const start = slots[word]!;
        const size = slots[word + 1]! - start;
        if (size === 0) continue;
        let need: number;
        if (start >= EDITED) need = copyText(viewOf(table.edits), start - EDITED, size, to, o);
        else if (size < LONG) need = copyText(from, start, size, to, o);
        else need = copyLong(bytes.subarray(start, start + size), out, o);
        if (need === PLAIN) o += size;
        else o = need === QUOTED ? quote(out, o, o + size) : quoteIfNeeded(out, o, o + size);
      } else if (op <= SIGNED) {
        const p = slots[word]!;
        const code = p === 0 ? 0 : bytes[p]!;
        if (code < 0x80) o = writeUint(to, o, code);
        else if (protobuf) o = this.integer(to, o, table, row, c, op);
        else if (code === 0xcd) o = writeUint(to, o, from.getUint16(p + 1));
        else if (code === 0xcc) o = writeUint(to, o, bytes[p + 1]!);
        else if (code === 0xce) o = writeUint(to, o, from.getUint32(p + 1));
        else o = this.integer(to, o, table, row, c, op);
      } else if (op === TIME) {
        o = this.times.write(to, o, table, row, this.leaves[c]!);
      } else if (op === BOOLEAN) {
        const p = slots[word]!;
        const yes = p !== 0 && (protobuf ? numberOf(table, row, this.leaves[c]!) !== 0 : bytes[p] === 0xc3);
        o = writeAscii(to, o, yes ? TRUE : FALSE);
      } else if (op === MONTH) {
        const month = numberOf(table, row, this.leaves[c]!);
        o = writeAscii(
          to,
          o,
          MONTHS[month - 1] ?? `%!Month(${BigInt.asUintN(64, bigIntOf(table, row, this.leaves[c]!))})`,
        );
      } else if (op <= CUT) {
        const p = slots[word]!;
        const value =
          p === 0 ? 0 : bytes[p] === 0xcb && !protobuf ? from.getFloat64(p + 1) : numberOf(table, row, this.leaves[c]!);
        o = op === CUT ? writeCut(to, o, value) : writeAscii(to, o, String(value));
      } else if (op === TEXTS) {
        if (slots[word] !== 0) o = this.texts(out, to, o, table, row, c);
      } else if (op === NAMES) {
        if (slots[word] !== 0) o = this.names(out, to, o, table, row, c);
      } else {
        output.at = o;
        this.made(output, table, row, c, room, batch, index);
        o = output.at;
        out = output.bytes;
        to = output.view;
      }
    }
    out[o++] = NEWLINE;
    output.at = o;
  }

  private integer(to: DataView, o: number, table: RecordTable, row: number, c: number, op: number): number {
    const leaf = this.leaves[c]!;
    const p = table.slots[row * table.stride + leaf.slot]!;
    const n = table.protobuf ? numberOf(table, row, leaf) : intAt(table.bytes, p, leaf.type === "uint32");
    if (Number.isSafeInteger(n)) return op === SIGNED ? writeInt(to, o, n) : writeWrapped(to, o, n);
    const exact = bigIntOf(table, row, leaf);
    return writeAscii(to, o, String(op === SIGNED ? exact : BigInt.asUintN(64, exact)));
  }

  /** Joined by semicolons. */
  private texts(out: Buffer, to: DataView, start: number, table: RecordTable, row: number, c: number): number {
    let o = start;
    let need = PLAIN;
    const add = (from: number, end: number) => {
      if (end > from) need |= copyText(this.view, from, end - from, to, o);
      o += end - from;
      out[o++] = SEMICOLON;
    };
    if (table.protobuf) eachProtoText(table, row, this.leaves[c]!, add);
    else {
      const cursor = new MsgpackCursor(table.bytes, table.slots[row * table.stride + this.slots[c]!]!);
      for (let left = cursor.enter(); left > 0; left--) add(cursor.text(), cursor.p);
    }
    if (o > start) o--;
    return need === PLAIN ? o : quoteIfNeeded(out, start, o);
  }

  /** "k:v" by semicolons, keys in byte order. */
  private names(out: Buffer, to: DataView, start: number, table: RecordTable, row: number, c: number): number {
    const { bytes, slots, stride } = table;
    let o = start;
    for (const { key, keyEnd, value, end } of sortedPairs(bytes, slots[row * stride + this.slots[c]!]!, false)) {
      if (o > start) out[o++] = SEMICOLON;
      copyText(this.view, key, keyEnd - key, to, o);
      o += keyEnd - key;
      out[o++] = COLON;
      copyText(this.view, value, end - value, to, o);
      o += end - value;
    }
    return quoteIfNeeded(out, start, o);
  }

  /** Texts made in JavaScript: of any size, so they need room of their own. */
  private made(
    output: Output,
    table: RecordTable,
    row: number,
    c: number,
    room: number,
    batch: RecordBatch,
    i: number,
  ): void {
    const column = this.columns[c]!;
    const leaf = this.leaves[c];
    const text = leaf
      ? jsonText(propertyOf(table, row, leaf))
      : String((column as (r: AnalyticsRecord) => string)(batch.at(i)));
    output.ensure(6 * text.length + room);
    output.at = writeText(output.bytes, output.at, text);
  }
}

function jsonText(value: unknown): string {
  return value === null ? "" : JSON.stringify(value);
}

/** There must be room for six bytes a character. */
function writeText(out: Buffer, o: number, text: string): number {
  return text === "" ? o : quoteIfNeeded(out, o, o + out.write(text, o));
}

function operation(leaf: Leaf, plain: boolean): number {
  switch (leaf.type) {
    case "text":
      return TEXT;
    case "float":
      return plain ? FLOAT : CUT;
    case "boolean":
      return BOOLEAN;
    case "time":
      return TIME;
    case "texts":
      return TEXTS;
    case "textMap":
      return NAMES;
    case "textsMap":
    case "errors":
      return JSON_TEXT;
    case "uint32":
      return WRAPPED;
    default:
      if (plain || leaf.name.startsWith("latency.")) return SIGNED;
      return leaf.property === "month" ? MONTH : WRAPPED;
  }
}

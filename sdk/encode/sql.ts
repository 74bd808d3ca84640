import type { RecordBatch } from "../record/batch.ts";
import type { Leaf } from "../record/fields.ts";
import { MsgpackCursor } from "../record/msgpack.ts";
import { numberOf, propertyOf } from "../record/reader.ts";
import { EDITED, type RecordTable } from "../record/table.ts";
import type { AnalyticsRecord, Field } from "../record/types.ts";
import { writeFloat } from "./floats.ts";
import { writeIntegerOf } from "./integers.ts";
import { goJson, goMapJson } from "./json-text.ts";
import { JsonPlace, writeProtoTexts, writeTextMap, writeTexts } from "./json-values.ts";
import { writeAscii, writeUint } from "./numbers.ts";
import {
  BOOLEAN,
  COMPUTED,
  FLOAT,
  INT,
  OPERATIONS,
  TEXT,
  TEXT_MAP,
  TEXTS,
  TEXTS_MAP,
  TIME,
  VALUE,
} from "./operations.ts";
import { type Output, viewOf } from "./output.ts";
import { type Encoder, pagesOf, type RowWriter } from "./pages.ts";
import { rowPlan } from "./row-plan.ts";
import { escapeInPlace, type SqlFormat, writeSqlText } from "./sql-text.ts";
import { type SqlTimeOptions, SqlTimes } from "./sql-times.ts";

/** A field; or what a function makes of the record: text, a number, true or false, or null. */
export type SqlColumn = Field | ((record: AnalyticsRecord) => string | number | boolean | null);

/**
 * Rows for a database, as Tyk Pump's values: no field is null; lists and maps are JSON text (nil: `[]`, `{}`); true and false are 1
 * and 0; coordinates that are no finite numbers are Infinity, -Infinity, NaN.
 */
export function sqlEncoder(
  columns: readonly SqlColumn[],
  format: SqlFormat,
  times: SqlTimeOptions = {},
): Encoder<AnalyticsRecord> {
  return pagesOf(new SqlRows(columns, format, new SqlTimes(times)));
}

class SqlRows implements RowWriter<AnalyticsRecord> {
  readonly between?: number;
  private readonly columns: readonly SqlColumn[];
  private readonly format: SqlFormat;
  private readonly times: SqlTimes;
  private readonly leaves: readonly (Leaf | null)[];
  private readonly ops: Uint8Array;
  private readonly slots: Uint16Array;
  /** What a row takes besides its texts. */
  private readonly fixed: number;
  /** How often the same field may come in a row. */
  private readonly copies: number;
  private readonly place = new JsonPlace("[]");
  private table: RecordTable | null = null;
  private view: DataView = new DataView(new ArrayBuffer(0));

  constructor(columns: readonly SqlColumn[], format: SqlFormat, times: SqlTimes) {
    this.columns = columns;
    this.format = format;
    this.times = times;
    if (format.open !== null) this.between = format.between;
    const { leaves, slots, fixed, copies } = rowPlan(columns);
    this.leaves = leaves;
    this.ops = Uint8Array.from(leaves, (leaf) => (leaf ? OPERATIONS[leaf.type] : COMPUTED));
    this.slots = slots;
    this.fixed = fixed;
    this.copies = copies;
  }

  guess(bytes: number): number {
    // Less than on the wire, where keys stand; and room for one more.
    return bytes + 16 * 1024;
  }

  row(output: Output, table: RecordTable, row: number, batch: RecordBatch, index: number): void {
    if (table !== this.table) {
      this.table = table;
      this.view = viewOf(table.bytes);
    }
    // JSON takes at most six bytes for one, and a backslash before each of its own.
    const room = this.fixed + 12 * this.copies * (table.end(row) - table.start(row));
    output.ensure(room);
    const { ops, slots: columns, view: from, format } = this;
    const { between, quote } = format;
    const { bytes, slots, stride, protobuf } = table;
    const base = row * stride;
    let { bytes: out, view: to } = output;
    let o = output.at;
    if (format.open !== null) out[o++] = format.open;
    for (let c = 0; c < ops.length; c++) {
      if (c > 0) out[o++] = between;
      const word = base + columns[c]!;
      const p = slots[word]!;
      const op = ops[c]!;
      if (op === TEXT) {
        if (quote !== 0) out[o++] = quote;
        const size = slots[word + 1]! - p;
        if (size > 0) {
          o =
            p < EDITED
              ? writeSqlText(bytes, from, p, size, out, to, o, format)
              : writeSqlText(table.edits, viewOf(table.edits), p - EDITED, size, out, to, o, format);
        }
        if (quote !== 0) out[o++] = quote;
      } else if (op === INT) {
        const code = p === 0 ? 0 : bytes[p]!;
        if (code < 0x80) o = writeUint(to, o, code);
        else if (code === 0xcd && !protobuf) o = writeUint(to, o, from.getUint16(p + 1));
        else if (code === 0xce && !protobuf) o = writeUint(to, o, from.getUint32(p + 1));
        else o = writeIntegerOf(to, o, table, row, this.leaves[c]!);
      } else if (op === BOOLEAN) {
        const yes = p !== 0 && (protobuf ? numberOf(table, row, this.leaves[c]!) !== 0 : bytes[p] === 0xc3);
        out[o++] = yes ? 49 : 48;
      } else if (op === TIME) {
        if (quote !== 0) out[o++] = quote;
        o = this.times.write(to, o, table, row, this.leaves[c]!);
        if (quote !== 0) out[o++] = quote;
      } else if (op === FLOAT) {
        const plain = bytes[p] === 0xcb && !protobuf;
        const value = p === 0 ? 0 : plain ? from.getFloat64(p + 1) : numberOf(table, row, this.leaves[c]!);
        // Databases know what is no finite number by its name, which is a text.
        const name = quote !== 0 && !Number.isFinite(value);
        if (name) out[o++] = quote;
        o = writeFloat(to, o, value);
        if (name) out[o++] = quote;
      } else {
        if (op === COMPUTED) {
          output.at = o;
          this.computed(output, (this.columns[c] as (record: AnalyticsRecord) => unknown)(batch.at(index)), room);
          ({ bytes: out, view: to, at: o } = output);
          continue;
        }
        if (quote !== 0) out[o++] = quote;
        const start = o;
        if (p === 0) o = writeAscii(to, o, op === TEXT_MAP || op === TEXTS_MAP ? "{}" : "[]");
        else if (op === TEXTS && !protobuf)
          o = writeTexts(new MsgpackCursor(bytes, p), this.place.at(bytes, out, to), o);
        else if (op === TEXTS) o = writeProtoTexts(table, row, this.leaves[c]!, this.place.at(bytes, out, to), o);
        else if (op !== VALUE && !protobuf)
          o = writeTextMap(bytes, p, op === TEXTS_MAP, this.place.at(bytes, out, to), o);
        else {
          output.at = o;
          output.text(jsonOf(propertyOf(table, row, this.leaves[c]!)));
          output.ensure(room);
          ({ bytes: out, view: to, at: o } = output);
        }
        if (p !== 0) o = escapeInPlace(out, start, o, format);
        if (quote !== 0) out[o++] = quote;
      }
    }
    out[o++] = format.close;
    output.at = o;
  }

  /** Texts made in JavaScript are of any size: they need room of their own. */
  private computed(output: Output, value: unknown, room: number): void {
    const { format } = this;
    const text = value === null ? format.null : typeof value === "boolean" ? String(Number(value)) : String(value);
    output.ensure(6 * text.length + room);
    if (typeof value !== "string") {
      output.text(text);
      return;
    }
    const { bytes: out } = output;
    if (format.quote !== 0) out[output.at++] = format.quote;
    const start = output.at;
    output.at = escapeInPlace(out, start, start + out.write(text, start), format);
    if (format.quote !== 0) out[output.at++] = format.quote;
  }
}

/** JSON of a list or map that is not nil; what is nil within it is empty. */
export function jsonOf(value: unknown): string {
  if (!Array.isArray(value)) return goMapJson(emptied(value as { [key: string]: string | string[] | null }));
  return goJson(value.map((item) => (typeof item === "string" ? item : { ...item, path: item.path ?? [] })));
}

function emptied(map: { [key: string]: string | string[] | null }): { [key: string]: unknown } {
  return Object.values(map).includes(null)
    ? Object.fromEntries(Object.entries(map).map(([key, list]) => [key, list ?? []]))
    : map;
}

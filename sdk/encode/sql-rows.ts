import { type RecordBatch, recordBatch } from "../record/batch.ts";
import type { Leaf } from "../record/fields.ts";
import { MsgpackCursor } from "../record/msgpack.ts";
import { bigIntOf, numberOf, propertyOf, textOf } from "../record/reader.ts";
import { EDITED, type RecordTable } from "../record/table.ts";
import type { AnalyticsRecord, Batch } from "../record/types.ts";
import { JsonPlace, writeTextMap, writeTexts } from "./json-values.ts";
import { viewOf } from "./output.ts";
import { leavesOf } from "./row-plan.ts";
import { jsonOf, type SqlColumn } from "./sql.ts";
import { type SqlTimeOptions, SqlTimes } from "./sql-times.ts";

export type SqlValue = string | number | bigint | null;

/** Rows as JavaScript values, the same that `copyText` writes. */
export interface SqlRows {
  /** The rows of a batch, in order. It is one array, filled anew for each. */
  rows(batch: Batch): Iterable<readonly SqlValue[]>;
}

/** For databases whose driver takes values. Texts are slices of one string a record, which costs a fraction of making each. */
export function sqlRows(columns: readonly SqlColumn[], times: SqlTimeOptions = {}): SqlRows {
  const filler = new RowFiller(columns, new SqlTimes(times));
  return {
    *rows(given) {
      const batch = recordBatch(given);
      for (const { table, rows, i } of batch.runs()) {
        for (let k = 0; k < rows.length; k++) yield filler.fill(table, rows[k]!, batch, i + k);
      }
    },
  };
}

class RowFiller {
  private readonly columns: readonly SqlColumn[];
  private readonly leaves: readonly (Leaf | null)[];
  private readonly times: SqlTimes;
  private readonly row: SqlValue[];
  private readonly place = new JsonPlace("[]");
  private scratch = Buffer.alloc(64 * 1024);

  constructor(columns: readonly SqlColumn[], times: SqlTimes) {
    this.columns = columns;
    this.times = times;
    this.leaves = leavesOf(columns);
    this.row = new Array<SqlValue>(columns.length).fill(null);
  }

  fill(table: RecordTable, row: number, batch: RecordBatch, index: number): readonly SqlValue[] {
    const { leaves, row: values } = this;
    const { slots, bytes, stride } = table;
    const base = row * stride;
    const start = table.start(row);
    const all = bytes.latin1Slice(start, table.end(row));
    const view = viewOf(bytes);
    for (let c = 0; c < leaves.length; c++) {
      const leaf = leaves[c];
      if (!leaf) {
        values[c] = plain(
          (this.columns[c] as (record: AnalyticsRecord) => string | number | boolean | null)(batch.at(index)),
        );
        continue;
      }
      const p = slots[base + leaf.slot]!;
      switch (leaf.type) {
        case "text": {
          const size = slots[base + leaf.slot + 1]! - p;
          if (size === 0) values[c] = "";
          else if (p < EDITED && isAscii(view, p, size)) values[c] = all.slice(p - start, p - start + size);
          else values[c] = textOf(table, row, leaf);
          break;
        }
        case "time":
          values[c] = this.scratch.latin1Slice(0, this.times.write(viewOf(this.scratch), 0, table, row, leaf));
          break;
        case "texts":
        case "errors":
          values[c] = p === 0 ? "[]" : this.json(table, row, leaf, p);
          break;
        case "textMap":
        case "textsMap":
          values[c] = p === 0 ? "{}" : this.json(table, row, leaf, p);
          break;
        default:
          values[c] = p === 0 ? 0 : this.number(table, row, leaf);
      }
    }
    return values;
  }

  private json(table: RecordTable, row: number, leaf: Leaf, p: number): string {
    if (table.protobuf || leaf.type === "errors") return jsonOf(propertyOf(table, row, leaf));
    const { bytes } = table;
    const room = 6 * (table.end(row) - table.start(row)) + 64;
    if (this.scratch.length < room) this.scratch = Buffer.alloc(room);
    const place = this.place.at(bytes, this.scratch, viewOf(this.scratch));
    const end =
      leaf.type === "texts"
        ? writeTexts(new MsgpackCursor(bytes, p), place, 0)
        : writeTextMap(bytes, p, leaf.type === "textsMap", place, 0);
    return this.scratch.utf8Slice(0, end);
  }

  private number(table: RecordTable, row: number, leaf: Leaf): number | bigint {
    const number = numberOf(table, row, leaf);
    return leaf.type === "float" || Number.isSafeInteger(number) ? number : bigIntOf(table, row, leaf);
  }
}

/** Four bytes at a time. */
function isAscii(view: DataView, start: number, size: number): boolean {
  let all = 0;
  if (size < 4) for (let i = 0; i < size; i++) all |= view.getUint8(start + i);
  else {
    const last = start + size - 4;
    for (let p = start; p < last; p += 4) all |= view.getInt32(p);
    all |= view.getInt32(last);
  }
  return (all & 0x80808080) === 0;
}

function plain(value: string | number | boolean | null): SqlValue {
  return typeof value === "boolean" ? Number(value) : value;
}

import type { Leaf } from "../record/fields.ts";
import { intAt } from "../record/msgpack.ts";
import { numberOf } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";

/** Fields of a row, read as fast as can be; `base` is where the row's slots begin. */

/** An integer; most have one byte. */
export function int(table: RecordTable, row: number, base: number, leaf: Leaf): number {
  const p = table.slots[base + leaf.slot]!;
  if (p === 0) return 0;
  const first = table.bytes[p]!;
  if (first < 0x80) return first;
  return table.protobuf ? numberOf(table, row, leaf) : intAt(table.bytes, p);
}

export function flag(table: RecordTable, row: number, base: number, leaf: Leaf): boolean {
  const p = table.slots[base + leaf.slot]!;
  if (p === 0) return false;
  return table.protobuf ? numberOf(table, row, leaf) !== 0 : table.bytes[p] === 0xc3;
}

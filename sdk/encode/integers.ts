import type { Leaf } from "../record/fields.ts";
import { intAt } from "../record/msgpack.ts";
import { bigIntOf, numberOf } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";
import { writeAscii, writeInt } from "./numbers.ts";

/** An integer of any size and form, exact. Returns where it ends. */
export function writeIntegerOf(to: DataView, o: number, table: RecordTable, row: number, leaf: Leaf): number {
  const p = table.slots[row * table.stride + leaf.slot]!;
  const n = table.protobuf ? numberOf(table, row, leaf) : intAt(table.bytes, p, leaf.type === "uint32");
  return Number.isSafeInteger(n) ? writeInt(to, o, n) : writeAscii(to, o, String(bigIntOf(table, row, leaf)));
}

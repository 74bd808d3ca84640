import type { Leaf } from "../record/fields.ts";
import { INT_SIZE, intAt } from "../record/msgpack.ts";
import { timeOf } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";
import { ZERO_SECONDS } from "../record/time.ts";
import { UTC } from "../record/zone.ts";
import { TimeWriter } from "./time.ts";

/** Writes the times of rows. */
export class RowTimes {
  private readonly writer: TimeWriter;

  constructor(layout: "go" | "rfc3339") {
    this.writer = new TimeWriter(layout);
  }

  write(to: DataView, o: number, table: RecordTable, row: number, leaf: Leaf): number {
    const { bytes } = table;
    const p = table.slots[row * table.stride + leaf.slot]!;
    if (p === 0) return this.writer.write(to, o, ZERO_SECONDS, 0, UTC);
    if (!table.protobuf && bytes[p] === 0x92) {
      const nanos = intAt(bytes, p + 1 + INT_SIZE[bytes[p + 1]!]!);
      if (nanos >= 0 && nanos < 1e9) return this.writer.write(to, o, intAt(bytes, p + 1), nanos, table.localZone);
    }
    const time = timeOf(table, row, leaf);
    return this.writer.write(to, o, time.seconds, time.nanos, time.where);
  }
}

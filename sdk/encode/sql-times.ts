import type { Leaf } from "../record/fields.ts";
import { INT_SIZE, intAt } from "../record/msgpack.ts";
import { timeOf } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";
import { Civil, ZERO_SECONDS } from "../record/time.ts";
import { UTC, type Zone, zoneNamed } from "../record/zone.ts";
import { Fatal } from "../sink/errors.ts";
import { writeAscii } from "./numbers.ts";
import { TimeWriter } from "./time.ts";

export interface SqlTimeOptions {
  /** Zone that times are written in, whatever the record's; default UTC. Throws Fatal where there is none of that name. */
  zone?: string;
  /** What stands behind them; default "+00" in UTC. */
  offset?: string;
  /** What Go's zero time is written as; default the year 1. */
  zero?: string;
}

/** Times of rows as "2024-03-05 13:04:05.123456+00", cut to microseconds; years before 1 as PostgreSQL has them. */
export class SqlTimes {
  private readonly zone: Zone;
  private readonly writer: TimeWriter;
  private readonly zero: string | null;
  private readonly offset: string;

  constructor({ zone = "UTC", offset = "+00", zero }: SqlTimeOptions = {}) {
    const known = zone === "UTC" ? UTC : zoneNamed(zone);
    if (!known) throw new Fatal(`There is no time zone "${zone}"; use a name like Europe/Berlin, UTC or Local`);
    this.zone = known;
    this.offset = offset;
    this.writer = new TimeWriter({ sql: true, offset });
    this.zero = zero ?? null;
  }

  write(to: DataView, o: number, table: RecordTable, row: number, leaf: Leaf): number {
    const { bytes } = table;
    const p = table.slots[row * table.stride + leaf.slot]!;
    if (p !== 0 && !table.protobuf) {
      const nanos = intAt(bytes, p + 1 + INT_SIZE[bytes[p + 1]!]!);
      // Others are carried over into the seconds.
      if (nanos >= 0 && nanos < 1e9) return this.put(to, o, intAt(bytes, p + 1), nanos);
    }
    const { seconds, nanos } = timeOf(table, row, leaf);
    return this.put(to, o, seconds, nanos);
  }

  private put(to: DataView, o: number, seconds: number, nanos: number): number {
    if (seconds === ZERO_SECONDS && nanos === 0 && this.zero !== null) return writeAscii(to, o, this.zero);
    if (seconds < ZERO_SECONDS) return writeAscii(to, o, this.beforeChrist(seconds));
    const micros = (nanos / 1000) | 0;
    return this.writer.write(to, o, seconds, micros * 1000, this.zone);
  }

  private beforeChrist(seconds: number): string {
    const civil = new Civil();
    const second = civil.set(seconds);
    const two = (n: number) => String(n).padStart(2, "0");
    const clock = [second / 3600, (second / 60) % 60, second % 60].map((n) => two(Math.floor(n))).join(":");
    return `${String(1 - civil.year).padStart(4, "0")}-${two(civil.month)}-${two(civil.day)} ${clock}${this.offset} BC`;
  }
}

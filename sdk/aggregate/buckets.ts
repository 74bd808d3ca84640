import { INT_SIZE, intAt } from "../record/msgpack.ts";
import { timeOf } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";
import { ZERO_SECONDS } from "../record/time.ts";
import { UTC, type Zone } from "../record/zone.ts";
import type { Unit } from "./counters.ts";
import { leafFor } from "./dimensions.ts";
import { Tuples } from "./tuples.ts";

/** One organisation (or API), one bucket. */
export interface Group {
  readonly owner: number;
  readonly org: number;
  /** Start of the bucket, Unix seconds. */
  readonly bucket: number;
  readonly zone: Zone;
  /** When its records expire; the latest. */
  expireAt: number;
}

/** 9999-12-31T23:59:59Z: times that databases can keep. */
const LAST_SECONDS = 253402300799;
const DAY = 86400;
const HOUR = 3600;

const TIME = leafFor("timestamp");
const EXPIRE_AT = leafFor("expireAt");

/** Which group a record belongs to: its organisation (or API) and its bucket, of the hour on its own clock. */
export class Buckets {
  groups: Group[] = [];
  readonly #seconds: number;
  readonly #daily: boolean;
  readonly #numbers = new Map<number, number>();
  readonly #keys = new Tuples();
  #last = { owner: -1, bucket: 0, day: 0, group: 0 };
  #zone: Zone = UTC;

  /** Throws RangeError for a length of buckets that there is not. */
  constructor(minutes: number, daily: boolean) {
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > 60)
      throw new RangeError(`A bucket covers 1 to 60 minutes, not ${minutes}`);
    this.#seconds = 60 * minutes;
    this.#daily = daily;
  }

  clear(): void {
    this.groups = [];
    this.#numbers.clear();
    this.#keys.clear();
    this.#last.owner = -1;
  }

  /** The number of the record's group. Sets the unit's time. */
  of(table: RecordTable, row: number, base: number, owner: number, org: number, unit: Unit): number {
    const p = table.slots[base + TIME.slot]!;
    let seconds = ZERO_SECONDS;
    let nanos = 0;
    let zone = UTC;
    if (p !== 0 && !table.protobuf) {
      const { bytes } = table;
      seconds = intAt(bytes, p + 1);
      nanos = intAt(bytes, p + 1 + INT_SIZE[bytes[p + 1]!]!);
      zone = table.localZone;
    }
    if (p !== 0 && (table.protobuf || !(nanos >= 0 && nanos < 1e9))) {
      const time = timeOf(table, row, TIME);
      seconds = time.seconds;
      nanos = time.nanos;
      zone = time.where;
    }
    if (!(seconds >= ZERO_SECONDS && seconds <= LAST_SECONDS)) {
      seconds = seconds > 0 ? LAST_SECONDS : ZERO_SECONDS;
      nanos = 0;
    }
    unit.seconds = seconds;
    unit.nanos = nanos;
    this.#zone = zone;
    const wall = zone.utc ? seconds : seconds + zone.at(seconds).offset;
    // Buckets begin anew with each hour.
    const ofHour = wall - HOUR * Math.floor(wall / HOUR);
    const bucket = seconds - (ofHour % this.#seconds);
    const day = this.#daily ? Math.floor(wall / DAY) : 0;
    const last = this.#last;
    if (owner !== last.owner || bucket !== last.bucket || day !== last.day) {
      last.group = this.#find(owner, org, bucket, day);
      last.owner = owner;
      last.bucket = bucket;
      last.day = day;
    }
    this.#expire(this.groups[last.group]!, table, row, base);
    return last.group;
  }

  /** Only Mongo keeps it. */
  #expire(group: Group, table: RecordTable, row: number, base: number): void {
    const p = table.slots[base + EXPIRE_AT.slot]!;
    if (p === 0) return;
    const expireAt = table.protobuf ? timeOf(table, row, EXPIRE_AT).seconds : intAt(table.bytes, p + 1);
    if (expireAt > group.expireAt) group.expireAt = Math.min(expireAt, LAST_SECONDS);
  }

  #find(owner: number, org: number, bucket: number, day: number): number {
    let number = this.#numbers.get(bucket);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(bucket, number);
    }
    const group = this.#keys.of(owner, number, day);
    if (group === this.groups.length) {
      this.groups.push({ owner, org, bucket, zone: this.#zone, expireAt: ZERO_SECONDS });
    }
    return group;
  }
}

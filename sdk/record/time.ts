import type { Timestamp } from "./types.ts";
import { UTC, type Zone } from "./zone.ts";

/** Unix seconds of Go's zero time, 0001-01-01T00:00:00Z. */
export const ZERO_SECONDS = -62135596800;

const DAY = 86400;
const NANOS = 1_000_000_000;

/** Date and time on the wall clock of `offset` seconds east of UTC; proleptic Gregorian, any year. */
export class Civil {
  year = 0;
  month = 0;
  day = 0;
  /** Days since 1970. */
  private days = Number.NaN;

  /** Sets the date that `seconds` falls on and returns the second of that day. */
  set(seconds: number): number {
    const days = Math.floor(seconds / DAY);
    if (days !== this.days) this.setDays(days);
    return Math.min(Math.max(seconds - days * DAY, 0), DAY - 1); // doubles of billions of years are not exact
  }

  /** http://howardhinnant.github.io/date_algorithms.html#civil_from_days */
  private setDays(days: number): void {
    this.days = days;
    const shifted = days + 719468;
    const era = Math.floor(shifted / 146097);
    const ofEra = shifted - era * 146097;
    const yearOfEra = Math.floor(
      (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36524) - Math.floor(ofEra / 146096)) / 365,
    );
    const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
    const shiftedMonth = Math.floor((5 * ofYear + 2) / 153);
    this.day = ofYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
    this.month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
    this.year = yearOfEra + era * 400 + (this.month <= 2 ? 1 : 0);
  }
}

const civil = new Civil();

export class GoTime implements Timestamp {
  readonly seconds: number;
  readonly nanos: number;
  /** For encoders. */
  readonly where: Zone;

  /** Any nanoseconds: what is not within a second is carried over, as Go's time.Unix does. */
  constructor(seconds: number, nanos: number, where: Zone) {
    const carry = nanos >= 0 && nanos < NANOS ? 0 : Math.floor(nanos / NANOS);
    this.seconds = seconds + carry;
    this.nanos = nanos - carry * NANOS;
    this.where = where;
  }

  get ms(): number {
    return this.seconds * 1000 + Math.floor(this.nanos / 1e6);
  }

  get zone(): string {
    return this.where.name;
  }

  date(): Date {
    return new Date(this.ms);
  }

  text(layout: "rfc3339" | "go" | "YYYYMMDD" | "YYYY.MM.DD"): string {
    const { offset, abbreviation } = this.where.at(this.seconds);
    const second = civil.set(this.seconds + offset);
    const date = [goYear(civil.year), two(civil.month), two(civil.day)];
    if (layout === "YYYYMMDD") return date.join("");
    if (layout === "YYYY.MM.DD") return date.join(".");
    const clock = `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}${fraction(this.nanos)}`;
    if (layout === "go") return `${date.join("-")} ${clock} ${offsetText(offset, "")} ${abbreviation}`;
    return `${date.join("-")}T${clock}${offset === 0 ? "Z" : offsetText(offset, ":")}`;
  }
}

/** A time in RFC 3339, to the nanosecond; null for any other text. */
export function parseRfc3339(text: string): { seconds: number; nanos: number } | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const ms = match ? Date.parse(match[1]! + match[3]!) : Number.NaN;
  return Number.isNaN(ms) ? null : { seconds: ms / 1000, nanos: Number((match![2] ?? "").padEnd(9, "0")) };
}

export function zeroTime(): GoTime {
  return new GoTime(ZERO_SECONDS, 0, UTC);
}

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

/** Four digits at least, and a sign of its own before them. */
export function goYear(year: number): string {
  const digits = String(Math.abs(year)).padStart(4, "0");
  return year < 0 ? `-${digits}` : digits;
}

/** ".123", without trailing zeros; "" for none. */
export function fraction(nanos: number): string {
  return nanos === 0 ? "" : `.${String(nanos).padStart(9, "0").replace(/0+$/, "")}`;
}

/** "+0530", "+05:30": Go cuts the seconds off. */
export function offsetText(offset: number, separator: string): string {
  const minutes = Math.floor(Math.abs(offset) / 60);
  return `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${separator}${two(minutes % 60)}`;
}

import { Civil, goYear, offsetText } from "../record/time.ts";
import type { Zone, ZoneOffset } from "../record/zone.ts";
import { writeAscii, writeDigits, writeTwo } from "./numbers.ts";

/** Years of Go's time have up to 12 digits; an abbreviation is short. */
export const MAX_TIME = 80;

/** Writes times as bytes, in "go" layout ("2024-03-05 13:04:05.12 +0100 CET") or RFC 3339. Remembers the last hour: most records are of one. */
export class TimeWriter {
  private readonly civil = new Civil();
  private readonly rfc3339: boolean;
  private readonly suffixes = new WeakMap<ZoneOffset, string>();
  /** The last hour (local, since 1970), and its text up to "13:". */
  private hour = Number.NaN;
  private readonly prefix = new Uint8Array(32);
  private prefixSize = 0;
  private zoneOffset: ZoneOffset | null = null;
  private suffix = "";

  constructor(layout: "go" | "rfc3339") {
    this.rfc3339 = layout === "rfc3339";
  }

  /** Returns where it ends, at most MAX_TIME bytes on. `nanos`: 0 to 999,999,999. */
  write(out: Uint8Array, start: number, seconds: number, nanos: number, zone: Zone): number {
    const where = zone.at(seconds);
    if (where !== this.zoneOffset) this.setZone(where);
    const local = seconds + where.offset;
    const hour = Math.floor(local / 3600);
    if (hour !== this.hour) this.setHour(hour);
    const { prefix, prefixSize, suffix } = this;
    let o = start;
    for (let i = 0; i < prefixSize; i++) out[o++] = prefix[i]!;
    const second = local - hour * 3600;
    const minute = (second / 60) | 0;
    o = writeTwo(out, o, minute);
    out[o++] = 58;
    o = writeTwo(out, o, second - 60 * minute);
    if (nanos !== 0) o = writeFraction(out, o, nanos);
    for (let i = 0; i < suffix.length; i++) out[o++] = suffix.charCodeAt(i);
    return o;
  }

  private setZone(where: ZoneOffset): void {
    this.zoneOffset = where;
    let suffix = this.suffixes.get(where);
    if (suffix === undefined) {
      const { offset, abbreviation } = where;
      if (this.rfc3339) suffix = offset === 0 ? "Z" : offsetText(offset, ":");
      else suffix = ` ${offsetText(offset, "")} ${abbreviation}`;
      this.suffixes.set(where, suffix);
    }
    this.suffix = suffix;
  }

  private setHour(hour: number): void {
    const { civil, prefix } = this;
    this.hour = hour;
    const second = civil.set(hour * 3600);
    let o = writeAscii(prefix, 0, `${goYear(civil.year)}-`);
    o = writeTwo(prefix, o, civil.month);
    prefix[o++] = 45;
    o = writeTwo(prefix, o, civil.day);
    prefix[o++] = this.rfc3339 ? 84 : 32;
    o = writeTwo(prefix, o, second / 3600);
    prefix[o++] = 58;
    this.prefixSize = o;
  }
}

/** "." and up to nine digits, without trailing zeros. */
function writeFraction(out: Uint8Array, start: number, nanos: number): number {
  out[start] = 46;
  const millis = (nanos / 1e6) | 0;
  let o = millis * 1e6 === nanos ? writeDigits(out, start + 1, millis, 3) : writeDigits(out, start + 1, nanos, 9);
  while (out[o - 1] === 48) o--;
  return o;
}

import { type Run, runOf, writeRun } from "../record/run.ts";
import { Civil, goYear, offsetText } from "../record/time.ts";
import type { Zone, ZoneOffset } from "../record/zone.ts";
import { writeNine, writeThree, writeTwo } from "./numbers.ts";

/** Years of Go's time have up to 12 digits; an abbreviation is short. */
export const MAX_TIME = 96;

/** Hours that are remembered: as many as the records of a backlog may lie in. */
const HOURS = 256;

/** "go": "2024-03-05 13:04:05.12 +0100 CET"; "sql": "2024-03-05 13:04:05.12", and `offset` behind it. */
export type TimeLayout = "go" | "rfc3339" | { readonly sql: true; readonly offset: string };

/** Writes times as bytes. */
export class TimeWriter {
  private readonly civil = new Civil();
  private readonly layout: TimeLayout;
  private readonly separator: string;
  private readonly suffixes = new WeakMap<ZoneOffset, Run>();
  /** Text up to "13:" by local hours since 1970, each in the place of its number modulo HOURS. */
  private readonly hours = new Float64Array(HOURS).fill(Number.NaN);
  private readonly prefixes: Run[] = new Array(HOURS).fill(runOf(""));
  private zoneOffset: ZoneOffset | null = null;
  private suffix: Run = runOf("");

  constructor(layout: TimeLayout) {
    this.layout = layout;
    this.separator = layout === "rfc3339" ? "T" : " ";
  }

  /** Returns where it ends, at most MAX_TIME bytes on. `nanos`: 0 to 999,999,999. */
  write(to: DataView, start: number, seconds: number, nanos: number, zone: Zone): number {
    const where = zone.at(seconds);
    if (where !== this.zoneOffset) this.setZone(where);
    const local = seconds + where.offset;
    const hour = Math.floor(local / 3600);
    const place = hour & (HOURS - 1);
    if (this.hours[place] !== hour) this.setHour(place, hour);
    let o = writeRun(to, start, this.prefixes[place]!);
    const within = local - hour * 3600;
    // Billions of years from now a double is not exact any more.
    const second = within >= 0 && within < 3600 ? within : 0;
    const minute = (second / 60) | 0;
    o = writeTwo(to, o, minute);
    to.setUint8(o++, 58);
    o = writeTwo(to, o, second - 60 * minute);
    if (nanos !== 0) o = writeFraction(to, o, nanos);
    return writeRun(to, o, this.suffix);
  }

  private setZone(where: ZoneOffset): void {
    this.zoneOffset = where;
    let suffix = this.suffixes.get(where);
    if (!suffix) {
      suffix = runOf(this.suffixOf(where));
      this.suffixes.set(where, suffix);
    }
    this.suffix = suffix;
  }

  private suffixOf({ offset, abbreviation }: ZoneOffset): string {
    if (typeof this.layout === "object") return this.layout.offset;
    if (this.layout === "go") return ` ${offsetText(offset, "")} ${abbreviation}`;
    return offset === 0 ? "Z" : offsetText(offset, ":");
  }

  private setHour(place: number, hour: number): void {
    const { civil } = this;
    const second = civil.set(hour * 3600);
    const two = (n: number) => String(n).padStart(2, "0");
    const date = `${goYear(civil.year)}-${two(civil.month)}-${two(civil.day)}`;
    this.prefixes[place] = runOf(`${date}${this.separator}${two(Math.floor(second / 3600))}:`);
    this.hours[place] = hour;
  }
}

/** "." and up to nine digits, without trailing zeros. */
function writeFraction(to: DataView, start: number, nanos: number): number {
  to.setUint8(start, 46);
  const millis = (nanos / 1e6) | 0;
  let o = millis * 1e6 === nanos ? writeThree(to, start + 1, millis) : writeNine(to, start + 1, nanos);
  while (to.getUint8(o - 1) === 48) o--;
  return o;
}

import type { Timestamp } from "@sluice/sdk";

/** Transitions of time zones lie on whole quarters of an hour: so do the ends of days. */
const QUARTER = 900;

/** The day of a time in its own zone, YYYYMMDD; the last answer is kept, for records come in order. Years have four digits or more. */
export function dayNamer(): (time: Timestamp) => string {
  let quarter = Number.NaN;
  let zone = "";
  let day = "";
  return (time) => {
    const now = Math.floor(time.seconds / QUARTER);
    if (now === quarter && time.zone === zone) return day;
    day = time.text("YYYYMMDD");
    quarter = now;
    zone = time.zone;
    return day;
  };
}

const HOUR = 3600;
const TWO = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, "0"));

/** The hour that was asked for last: rows of aggregates have few. */
let hour = Number.NaN;
let hourText = "";

/** The years 1 to 9999, which every database has. */
const FIRST = -62_135_596_800;
const LAST = 253_402_300_799;

/** "2024-03-05 13:04:05.123456", in UTC, microseconds cut; of other years the nearest time. */
export function timeText(given: number, nanos: number): string {
  const seconds = Math.min(LAST, Math.max(FIRST, given));
  const ofHour = seconds - HOUR * Math.floor(seconds / HOUR);
  if (seconds - ofHour !== hour) {
    hour = seconds - ofHour;
    // Without ":04:05.123Z".
    hourText = new Date(hour * 1000).toISOString().slice(0, -11).replace("T", " ");
  }
  const micros = String(Math.floor(nanos / 1000)).padStart(6, "0");
  return `${hourText}:${TWO[Math.floor(ofHour / 60)]}:${TWO[ofHour % 60]}.${micros}`;
}

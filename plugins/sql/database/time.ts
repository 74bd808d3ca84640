const HOUR = 3600;
const TWO = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, "0"));

/** The hour that was asked for last: rows of aggregates have few. */
let hour = Number.NaN;
let hourText = "";

/** "2024-03-05 13:04:05.123456", in UTC, microseconds cut. PostgreSQL: any year, "BC" for those before 1 is not made here. */
export function timeText(seconds: number, nanos: number): string {
  const ofHour = seconds - HOUR * Math.floor(seconds / HOUR);
  if (seconds - ofHour !== hour) {
    hour = seconds - ofHour;
    // Without ":04:05.123Z".
    hourText = new Date(hour * 1000).toISOString().slice(0, -11).replace("T", " ");
  }
  const micros = String(Math.floor(nanos / 1000)).padStart(6, "0");
  return `${hourText}:${TWO[Math.floor(ofHour / 60)]}:${TWO[ofHour % 60]}.${micros}`;
}

import type { Random } from "./random.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export interface GridOptions {
  /** Whole days; 0 or less gives none. */
  days: number;
  /** 0: a random 300 to 499 for each hour. */
  recordsPerHour: number;
  /** From today forward instead of up to yesterday. */
  future: boolean;
  /** Milliseconds since 1970. */
  now: number;
}

/** One hour's records: record i is at `start + i * spacing`. */
export interface Hour {
  start: number;
  records: number;
  /** Milliseconds; whole seconds, so that the last record stays within the hour. 0 above 3,600 records. */
  spacing: number;
}

/** All hours of a day, day by day, oldest first. Days are those of the local calendar, laid on UTC midnights as the reference does. */
export function* days(options: GridOptions, random: Random): Generator<Hour[]> {
  const now = new Date(options.now);
  const today = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
  const first = options.future ? today : today - options.days * DAY;
  for (let day = 0; day < options.days; day++) {
    yield Array.from({ length: 24 }, (_, hour) => {
      const records = options.recordsPerHour > 0 ? options.recordsPerHour : 300 + random.below(200);
      return { start: first + day * DAY + hour * HOUR, records, spacing: Math.floor(3600 / records) * 1000 };
    });
  }
}

import type { Timestamp, UptimeRecord } from "@sluice/sdk";
import { clean } from "../counters/texts.ts";

/** What is counted of one organisation, hour, dimension and value. Times are milliseconds. */
export interface Counter {
  readonly bucket: number;
  readonly org: string;
  /** "url", "errors" or "". */
  readonly dimension: string;
  readonly value: string;
  hits: number;
  success: number;
  error: number;
  requestTime: number;
  /** Of the newest record. */
  seconds: number;
  nanos: number;
  /** Status code -> how often; of success and errors only. */
  readonly codes: Map<number, number>;
}

/** Marks statistics that are no result of a check. */
const NO_RESULT = -1;
/** What databases keep: the years 1 to 9999. */
const FIRST_SECONDS = -62135596800;
const LAST_SECONDS = 253402300799;

/**
 * Counts reports by organisation, hour on the record's own clock and dimension: each URL, each status code of an error, and the
 * total. Days are kept apart where each has a table of its own; else all lie under "".
 */
export class UptimeCounters {
  /** By day, "YYYYMMDD" or "". */
  readonly days = new Map<string, Map<string, Counter>>();
  size = 0;
  readonly #daily: boolean;

  constructor(daily: boolean) {
    this.#daily = daily;
  }

  /** Why the record cannot be counted; null: it is. */
  add(record: UptimeRecord): string | null {
    const { timestamp, responseCode: code } = record;
    const { seconds } = timestamp;
    if (!(seconds >= FIRST_SECONDS && seconds <= LAST_SECONDS))
      return "its timestamp is not within the years 1 to 9999";
    const day = this.#day(this.#daily ? timestamp.text("YYYYMMDD") : "");
    const bucket = hourOf(timestamp);
    const org = clean(record.orgId);
    const url = clean(record.url);
    if (code === NO_RESULT) {
      // As in Tyk Pump: the URL gets its row, with nothing counted.
      if (url !== "") this.#counter(day, bucket, org, "url", url, timestamp);
      return null;
    }
    this.#count(this.#counter(day, bucket, org, "", "total", timestamp), record);
    if (url !== "") this.#count(this.#counter(day, bucket, org, "url", url, timestamp), record);
    if (code >= 400) this.#count(this.#counter(day, bucket, org, "errors", String(code), timestamp), record);
    return null;
  }

  #count(counter: Counter, { responseCode: code, requestTime }: UptimeRecord): void {
    counter.hits++;
    counter.requestTime += requestTime;
    const success = code >= 200 && code < 300;
    const error = code >= 400;
    if (success) counter.success++;
    if (error) counter.error++;
    if (success || error) counter.codes.set(code, (counter.codes.get(code) ?? 0) + 1);
  }

  #day(name: string): Map<string, Counter> {
    let day = this.days.get(name);
    if (!day) this.days.set(name, (day = new Map()));
    return day;
  }

  #counter(
    day: Map<string, Counter>,
    bucket: number,
    org: string,
    dimension: string,
    value: string,
    { seconds, nanos }: Timestamp,
  ): Counter {
    // Without separators, as the rows' ids are made: what has one id there is one counter here.
    const key = `${bucket}${org}${dimension}${value}`;
    let counter = day.get(key);
    if (!counter) {
      counter = {
        bucket,
        org,
        dimension,
        value,
        hits: 0,
        success: 0,
        error: 0,
        requestTime: 0,
        seconds,
        nanos,
        codes: new Map(),
      };
      day.set(key, counter);
      this.size++;
    } else if (seconds > counter.seconds || (seconds === counter.seconds && nanos > counter.nanos)) {
      counter.seconds = seconds;
      counter.nanos = nanos;
    }
    return counter;
  }
}

/** Start of the hour on this process's clock, Unix seconds: zones differ by halves and quarters of an hour. */
function hourOf(timestamp: Timestamp): number {
  const date = timestamp.date();
  return timestamp.seconds - 60 * date.getMinutes() - date.getSeconds();
}

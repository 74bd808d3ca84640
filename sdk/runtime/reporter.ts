import type { Counter, Gauge, Histogram, Log, LogLevel, SinkContext } from "../sink/context.ts";
import type { Clock } from "./clock.ts";
import { sentence } from "./failure.ts";
import { LONGEST_NAME, MOST_SERIES, type Report } from "./protocol.ts";

const LINES_A_REPORT = 50;
const LONGEST_LINE = 8 * 1024;
/** Characters. With this and the observations, the largest report fits into a frame of a process's pipe (16 MiB of JSON). */
const LONGEST_HELP = 1000;
const OBSERVATIONS_A_SERIES = 10_000;
const OBSERVATIONS_A_REPORT = 100_000;
const REPORT_MS = 1000;

type Series = Report["metrics"][number];

/** A plugin's log lines and metrics, shipped each second. The report is also this thread's sign of life. */
export class Reporter {
  readonly log: Log;
  readonly metrics: SinkContext<unknown>["metrics"];
  readonly #clock: Clock;
  readonly #post: (report: Report) => void;
  #lines: Report["log"] = [];
  #dropped = 0;
  #series = new Map<string, Series>();
  #observed = 0;
  /** Those of which was said that they were given nonsense. */
  readonly #faulty = new WeakSet<Series>();
  #cancel: () => void = () => {};

  constructor(clock: Clock, post: (report: Report) => void) {
    this.#clock = clock;
    this.#post = post;
    const line = (level: LogLevel) => (message: string, more?: object) => this.#line(level, message, more);
    this.log = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    this.metrics = {
      counter: (name, help): Counter => {
        const series = this.#open(name, help, "counter", 0);
        return { add: (n) => this.#set(series, Number.isFinite(n) ? (series.value as number) + n : n) };
      },
      gauge: (name, help): Gauge => {
        const series = this.#open(name, help, "gauge", 0);
        return { set: (value) => this.#set(series, value) };
      },
      histogram: (name, help): Histogram => {
        const series = this.#open(name, help, "histogram", []);
        return { observe: (value) => this.#observe(series, value) };
      },
    };
  }

  start(): void {
    this.#cancel = this.#clock.after(REPORT_MS, () => {
      this.flush();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
    this.flush();
  }

  flush(): void {
    const metrics: Series[] = [];
    for (const series of this.#series.values()) {
      metrics.push({ ...series });
      if (series.kind === "histogram") series.value = [];
    }
    this.#observed = 0;
    this.#post({ t: "report", log: this.#lines.splice(0), metrics, dropped: this.#dropped });
    this.#dropped = 0;
  }

  #line(level: LogLevel, message: string, more?: object): void {
    if (this.#lines.length >= LINES_A_REPORT) {
      this.#dropped++;
      return;
    }
    const line: Report["log"][number] = { level, message: String(message).slice(0, LONGEST_LINE) };
    const data = more && plain(more);
    if (data) line.more = data;
    this.#lines.push(line);
  }

  #set(series: Series, value: number): void {
    if (Number.isFinite(value)) series.value = value;
    else this.#refuse(series, value);
  }

  #observe(series: Series, value: number): void {
    const values = series.value as number[];
    if (!Number.isFinite(value)) this.#refuse(series, value);
    else if (values.length < OBSERVATIONS_A_SERIES && this.#observed < OBSERVATIONS_A_REPORT) {
      values.push(value);
      this.#observed++;
    }
  }

  #refuse(series: Series, value: unknown): void {
    if (this.#faulty.has(series)) return;
    this.#faulty.add(series);
    const what = typeof value === "number" ? value : `a value of type ${typeof value}`;
    this.log.warn(`the metric ${series.name} was given ${what}, which is left out: a metric takes finite numbers`);
  }

  #open(named: string, helped: string, kind: Series["kind"], value: Series["value"]): Series {
    const name = String(named).slice(0, LONGEST_NAME);
    const help = String(helped).slice(0, LONGEST_HELP);
    const known = this.#series.get(name);
    if (known) return known;
    const series: Series = { name, help, kind, value };
    if (this.#series.size < MOST_SERIES) this.#series.set(name, series);
    else this.log.warn(`the metric ${name} is left out: a sink may have ${MOST_SERIES} at most`);
    return series;
  }
}

/** What can cross to the supervisor: plain data of bounded size. */
function plain(more: object): object | undefined {
  try {
    const text = JSON.stringify(more, (_key, value) => (value instanceof Error ? sentence(value) : value));
    return text.length <= LONGEST_LINE ? JSON.parse(text) : { cut: text.slice(0, LONGEST_LINE) };
  } catch {
    return undefined;
  }
}

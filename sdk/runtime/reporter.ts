import type { Counter, Gauge, Histogram, Log, LogLevel, SinkContext } from "../sink/context.ts";
import type { Clock } from "./clock.ts";
import { sentence } from "./failure.ts";
import type { Report } from "./protocol.ts";

const LINES_A_REPORT = 50;
const LONGEST_LINE = 8 * 1024;
const MOST_SERIES = 1000;
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
  #cancel: () => void = () => {};

  constructor(clock: Clock, post: (report: Report) => void) {
    this.#clock = clock;
    this.#post = post;
    const line = (level: LogLevel) => (message: string, more?: object) => this.#line(level, message, more);
    this.log = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    this.metrics = {
      counter: (name, help): Counter => {
        const series = this.#open(name, help, "counter", 0);
        return { add: (n) => void (series.value = (series.value as number) + n) };
      },
      gauge: (name, help): Gauge => {
        const series = this.#open(name, help, "gauge", 0);
        return { set: (value) => void (series.value = value) };
      },
      histogram: (name, help): Histogram => {
        const series = this.#open(name, help, "histogram", []);
        return {
          observe: (value) =>
            void ((series.value as number[]).length < 10_000 && (series.value as number[]).push(value)),
        };
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

  #open(name: string, help: string, kind: Series["kind"], value: Series["value"]): Series {
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

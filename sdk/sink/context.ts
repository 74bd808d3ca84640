export type LogLevel = "debug" | "info" | "warn" | "error";
export type Log = { readonly [level in LogLevel]: (message: string, more?: object) => void };

export interface Counter {
  add(n: number): void;
}
export interface Gauge {
  set(value: number): void;
}
export interface Histogram {
  observe(value: number): void;
}

/** All that a plugin may touch of its host. Its functions need no `this`. */
export interface SinkContext<C> {
  readonly config: C;
  /** The key in `pumps`. */
  readonly name: string;
  /** Which actor of this sink, of how many. */
  readonly actor: number;
  readonly actors: number;
  /** The pump-level timeout, ms; 0 where none is set. */
  readonly timeout: number;
  readonly log: Log;
  /** Shipped each second, labelled with the sink; what is no finite number is left out, and logged. Delivery itself (records, bytes, retries, lag, durations) is measured by the host. */
  readonly metrics: {
    counter(name: string, help: string): Counter;
    gauge(name: string, help: string): Gauge;
    histogram(name: string, help: string): Histogram;
  };
  /** Aborts when this actor is about to end. */
  readonly signal: AbortSignal;
  /** Periodic work, records or none (refresh, clean-up): never overlapping, errors logged, stopped before close. */
  every(ms: number, task: (signal: AbortSignal) => Promise<void> | void): void;
}

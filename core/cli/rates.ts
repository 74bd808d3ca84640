import type { SinkStatus, Status } from "../supervisor/status.ts";

const WINDOW_MS = 3000;

export interface Rates {
  /** Takes a snapshot; gives records acknowledged a second by sink, over the last seconds. */
  update(status: Status, now: number): ReadonlyMap<string, number>;
}

/** What lies between two snapshots of a pump. */
export interface Span {
  first: Status;
  last: Status;
  seconds: number;
}

/** Snapshots in, spans of the last seconds out. */
export function createWindow(): (status: Status, now: number) => Span {
  const samples: { at: number; status: Status }[] = [];
  return (status, now) => {
    samples.push({ at: now, status });
    // The oldest one kept is at least a window old.
    while (samples.length > 2 && now - samples[1]!.at >= WINDOW_MS) samples.shift();
    const { at, status: first } = samples[0]!;
    return { first, last: status, seconds: (now - at) / 1000 };
  };
}

/** How fast a total of a sink grows, a second. One that falls back (a sink that was loaded anew) starts over. */
export function rateOf({ first, seconds }: Span, sink: SinkStatus, total: (sink: SinkStatus) => number): number {
  const before = first.sinks.find(({ name }) => name === sink.name);
  return seconds === 0 ? 0 : Math.max(0, total(sink) - (before ? total(before) : 0)) / seconds;
}

/** Totals in, rates out. */
export function createRates(): Rates {
  const window = createWindow();
  return {
    update(status, now) {
      const span = window(status, now);
      return new Map(status.sinks.map((sink) => [sink.name, rateOf(span, sink, ({ delivered }) => delivered)]));
    },
  };
}

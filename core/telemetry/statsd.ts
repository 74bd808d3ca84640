import { PerformanceObserver } from "node:perf_hooks";
import { StatsD } from "hot-shots";
import type { StatsdConfig } from "../config/config.ts";
import type { Logger } from "../logging/index.ts";
import type { Status } from "../supervisor/status.ts";
import { type Event, eventsBetween, pauseEvents } from "./events.ts";

const LOOK_MS = 1000;
const PAUSES_MS = 5000;
/** Bytes of a datagram, and how long one is filled. */
const DATAGRAM = 1440;
const FLUSH_MS = 100;
/** Pauses of which the quantiles are told. */
const MOST_PAUSES = 256;
const COMPLAIN_MS = 60_000;

export interface Statsd {
  /** Sends what happened since the last look. */
  stop(): Promise<void>;
}

/** Sends what happens over UDP, each event under two names as Tyk Pump does: its own, and that behind its job's. */
export function startStatsd({
  config: { host, port, prefix },
  status,
  logger,
}: {
  config: StatsdConfig;
  status: () => Status;
  logger: Logger;
}): Statsd {
  let complainedAt = Number.NEGATIVE_INFINITY;
  const failed = (error: Error) => {
    if (performance.now() - complainedAt < COMPLAIN_MS) return;
    complainedAt = performance.now();
    logger.warn(`statistics could not be sent to ${host}:${port}`, { error });
  };
  const client = new StatsD({
    host,
    port,
    prefix: prefix === "" ? "" : `${sanitized(prefix)}.`,
    maxBufferSize: DATAGRAM,
    bufferFlushInterval: FLUSH_MS,
    // What a Datadog agent's environment says is not for this.
    includeDataDogTags: false,
    errorHandler: failed,
  });
  const send = ({ job, name, kind, value }: Event) => {
    for (const key of [name, `${job}.${name}`].map(sanitized)) {
      if (kind === "counter") client.increment(key, value);
      else if (kind === "timing") client.timing(key, value >= 10 ? Math.floor(value) : twoDigits(value));
      else client.gauge(key, twoDigits(value));
    }
  };

  let before = status();
  const look = () => {
    const now = status();
    for (const event of eventsBetween(before, now)) send(event);
    before = now;
  };
  let pauses: number[] = [];
  const observer = new PerformanceObserver((list) => {
    pauses = [...pauses, ...list.getEntries().map(({ duration }) => duration)].slice(-MOST_PAUSES);
  });
  observer.observe({ entryTypes: ["gc"] });
  const tellPauses = () => {
    for (const event of pauseEvents(pauses)) send(event);
  };
  tellPauses();
  const timers = [setInterval(look, LOOK_MS), setInterval(tellPauses, PAUSES_MS)];
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      observer.disconnect();
      look();
      await new Promise<void>((resolve) => client.close(() => resolve()));
    },
  };
}

/** As in Tyk Pump. */
function sanitized(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/g, "$");
}

function twoDigits(value: number): number {
  return Math.round(value * 100) / 100;
}

import type { BacklogState, SinkState, Status } from "../supervisor/status.ts";

export interface Readiness {
  ready: boolean;
  /** What an operator should see to, ready or not: records that are dropped, a log that fills, a sink that nobody has. */
  alarms: string[];
  log: { ready: boolean; reason: string | null };
  sinks: {
    [name: string]: {
      ready: boolean;
      state: SinkState;
      reason: string | null;
      /** When it tries again by itself, RFC 3339; null: it works, or waits for a person. */
      nextTry: string | null;
      backlog: BacklogState;
      spooled: number;
    };
  };
}

/** Ready: the log is within reach and every sink takes records. */
export function readiness(status: Status): Readiness {
  const sinks: Readiness["sinks"] = {};
  for (const { name, ready, state, reason, nextTryAt, backlog } of status.sinks) {
    const nextTry = timeOf(nextTryAt);
    sinks[name] = { ready, state, reason, nextTry, backlog: backlog.state, spooled: backlog.waiting.records };
  }
  const log = { ready: status.logError === null, reason: status.logError };
  return { ready: log.ready && status.sinks.every((sink) => sink.ready), alarms: alarms(status), log, sinks };
}

/** A back end may ask for more patience than there is time. */
function timeOf(ms: number | null): string | null {
  const time = ms === null ? null : new Date(ms);
  return time === null || Number.isNaN(time.getTime()) ? null : time.toISOString();
}

function alarms({ sinks, backlog: { holding, orphans } }: Status): string[] {
  const charged = sinks.filter(({ backlog }) => backlog.state !== "ok");
  return [
    ...(holding === null ? [] : [`the backlog in Redis is above its limit: ${holding}`]),
    ...charged.map(({ name, backlog }) => `sink ${name} is ${backlog.state}: ${backlog.reason}`),
    ...orphans.map((name) => `no instance configures the sink ${name}, and the log keeps everything for it`),
  ];
}

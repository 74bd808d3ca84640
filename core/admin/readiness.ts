import type { SinkState, Status } from "../supervisor/status.ts";

export interface Readiness {
  ready: boolean;
  log: { ready: boolean; reason: string | null };
  sinks: { [name: string]: { ready: boolean; state: SinkState; reason: string | null } };
}

/** Ready: the log is within reach and every sink takes records. */
export function readiness(status: Status): Readiness {
  const sinks: Readiness["sinks"] = {};
  for (const { name, ready, state, reason } of status.sinks) sinks[name] = { ready, state, reason };
  const log = { ready: status.logError === null, reason: status.logError };
  return { ready: log.ready && status.sinks.every((sink) => sink.ready), log, sinks };
}

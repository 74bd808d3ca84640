import type { UptimeCheck } from "../config/config.ts";
import { probeHttp } from "./http.ts";
import { CheckFailed, failureOf, type Result } from "./result.ts";
import { probeTcp } from "./tcp.ts";

/** What the reference writes for a connection that succeeds, whatever its commands say. */
const TCP_STATUS = 200;

/** Runs a check once. Its timeout covers the look-up of the name, connecting, TLS, sending and receiving. Never throws. */
export async function probe(check: UptimeCheck, end: AbortSignal): Promise<Result> {
  const began = performance.now();
  const late = new CheckFailed("timeout", `no answer within ${check.timeoutMs} ms`);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(late), check.timeoutMs);
  const signal = AbortSignal.any([end, deadline.signal]);
  try {
    let status = TCP_STATUS;
    if (check.kind === "http") status = await probeHttp(check, signal);
    else await probeTcp(check, signal);
    return { failure: null, status, ms: performance.now() - began };
  } catch (error) {
    const { kind, message, status } = deadline.signal.aborted ? late : failureOf(error);
    return { failure: { kind, message }, status, ms: performance.now() - began };
  } finally {
    clearTimeout(timer);
  }
}

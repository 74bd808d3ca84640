import { encodeUptime } from "@sluice/sdk/record";
import type { UptimeCheck } from "../config/config.ts";
import type { Result } from "./result.ts";

/** In place of a status where a check failed below HTTP. */
const TCP_ERROR = 521;

/** A result as the gateway's host checker writes it; calendar fields are on this process's clock. */
export function reportOf(check: UptimeCheck, { failure, status, ms }: Result, at: Date, expireMs: number): Uint8Array {
  const tcpError = failure !== null && failure.kind !== "status";
  return encodeUptime({
    url: check.url,
    requestTime: Math.trunc(ms),
    responseCode: tcpError ? TCP_ERROR : status,
    tcpError,
    serverError: !tcpError && status > 200,
    day: at.getDate(),
    month: at.getMonth() + 1,
    year: at.getFullYear(),
    hour: at.getHours(),
    minute: at.getMinutes(),
    timestamp: at,
    expireAt: new Date(at.getTime() + expireMs),
    apiId: check.apiId,
    orgId: check.orgId,
  });
}

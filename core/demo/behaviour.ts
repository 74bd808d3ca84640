import type { Random } from "./random.ts";
import { APIS } from "./words.ts";

/**
 * The reference's demo records have all values equally often, so that nothing can be learnt from them. In the demonstration
 * one API has most of the traffic, another most of the failures, and each path has a speed of its own.
 */
export function busyApi(random: Random): (typeof APIS)[number] {
  return APIS[random.pick(SHARES)]!;
}

/** Six of ten requests are for the first API. */
const SHARES = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2] as const;
/** Of a thousand requests, by API. */
const FAILURES = [8, 25, 140] as const;
const OK = [200, 200, 200, 200, 200, 200, 201, 304] as const;
const FAILED = [401, 403, 404, 429, 500, 502, 503, 504] as const;

/** How one request to this API and path went; times in milliseconds. */
export function behaviour(apiId: string, path: string, random: Random) {
  const api = APIS.findIndex(({ id }) => id === apiId);
  const failed = random.below(1000) < (FAILURES[api] ?? FAILURES[0]);
  const latencyGateway = 1 + random.below(4);
  // Exponential above a least time, as waiting in a queue makes it.
  const latencyUpstream = Math.round(usualTime(path) * (0.6 - 0.4 * Math.log(1 - random.below(1000) / 1000)));
  const latencyTotal = latencyUpstream + latencyGateway;
  return {
    responseCode: random.pick(failed ? FAILED : OK),
    requestTime: latencyTotal,
    latencyTotal,
    latencyUpstream,
    latencyGateway,
  };
}

/** 5 to 400 ms, always the same for a path; few are slow. */
function usualTime(path: string): number {
  let sum = 0;
  for (let i = 0; i < path.length; i++) sum = (31 * sum + path.charCodeAt(i)) % 9973;
  return 5 + 395 * (sum / 9973) ** 4;
}

import { behaviour, busyApi } from "./behaviour.ts";
import type { Random } from "./random.ts";
import { APIS, COUNTRIES, METHODS, RESPONSE_CODES, ROOTS, USER_AGENTS, WORDS } from "./words.ts";

export interface RecordOptions {
  org: string;
  /** Fixed API; empty: one of three. */
  api: string;
  /** Empty: "Default". */
  apiVersion: string;
  trackPath: boolean;
  /** APIs and paths that behave differently, instead of the reference's even spread. */
  lively?: boolean;
  /** Made once a run, see `apiKeys`. */
  keys: readonly string[];
}

/** The keys of one run: the organisation's id and a UUID without dashes. */
export function apiKeys(org: string, random: Random): string[] {
  return Array.from({ length: 50 }, () => org + random.uuid());
}

/** One record of the demo, made as the reference makes it. Times in milliseconds since 1970; what is absent is zero. */
export function demoRecord(options: RecordOptions, time: number, expireAt: number, random: Random) {
  const at = new Date(time);
  const path = demoPath(random);
  const one = options.lively ? busyApi : (source: Random) => source.pick(APIS);
  const api = options.api === "" ? one(random) : { name: "Foo Bar", id: options.api };
  return {
    method: random.pick(METHODS),
    path,
    rawPath: path,
    contentLength: random.below(999),
    userAgent: random.pick(USER_AGENTS),
    day: at.getUTCDate(),
    month: at.getUTCMonth() + 1,
    year: at.getUTCFullYear(),
    hour: at.getUTCHours(),
    responseCode: random.pick(RESPONSE_CODES),
    apiKey: random.pick(options.keys),
    timestamp: time,
    apiVersion: options.apiVersion || "Default",
    apiName: api.name,
    apiId: api.id,
    orgId: options.org,
    requestTime: random.below(10),
    rawRequest: "Qk9EWSBEQVRB",
    rawResponse: "UkVTUE9OU0UgREFUQQ==",
    ipAddress: "118.93.55.103",
    geoCountryIsoCode: random.pick(COUNTRIES),
    tags: [`orgid-${options.org}`, `apiid-${api.id}`],
    trackPath: options.trackPath,
    expireAt,
    ...(options.lively ? behaviour(api.id, path, random) : {}),
  };
}

function demoPath(random: Random): string {
  const words = 1 + random.below(2);
  let path: string = random.pick(ROOTS);
  for (let i = 0; i < words; i++) path += `/${random.pick(WORDS)}`;
  return path;
}

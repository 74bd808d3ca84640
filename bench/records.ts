import { encodeMsgpack, encodeProtobuf } from "@sluice/sdk/record";
import { createRandom } from "../core/demo/random.ts";

const METHODS = ["GET", "GET", "GET", "POST", "PUT", "DELETE"] as const;
const HOSTS = ["api.example.com", "eu.api.example.com", "[2001:db8::1]:443"] as const;
const WORDS = ["orders", "users", "payments", "devices", "tokens", "shipping", "session", "metrics"] as const;
const CODES = [200, 200, 200, 200, 201, 204, 304, 401, 404, 500] as const;
const COUNTRIES = ["DE", "US", "GB", "SG", "BR"] as const;
const TAGS = ["eu-west-1", "us-east-1", "v2", "canary", "mobile"] as const;
const AGENTS = [
  "curl/8.7.1",
  "okhttp/4.12.0",
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
] as const;
const SMALL_BYTES = 300;
const START = Date.UTC(2026, 2, 14);

export interface Traffic {
  /** So many paths an API, ten APIs an organisation, one API a key; without it any of 640,000 paths, and any API with any key. */
  routes?: number;
  /** So many keys; default 5,000. */
  keys?: number;
  /** After so many, the same come again. */
  distinct?: number;
  /** So many tags a record, of twice as many that there are; without it up to three, of five. */
  tags?: number;
}

/**
 * Makes records of about 1.1 kB as a gateway pushes them: msgpack, all fields, of 20 organisations, 200 APIs and `keys` keys.
 * The same seed gives the same records, and no two of them are alike. `at`: the record's time, ms since 1970.
 */
export function recordMaker(
  seed: number,
  { routes, keys: keyCount = 5000, tags }: Traffic = {},
): (at?: number) => Buffer {
  const random = createRandom(seed);
  const orgs = Array.from({ length: 20 }, () => random.uuid().slice(0, 24));
  const apis = Array.from({ length: 200 }, () => random.uuid());
  const keys = Array.from({ length: keyCount }, () => random.pick(orgs) + random.uuid());
  const apiOf = new Map(keys.map((key, i) => [key, 10 * orgs.indexOf(key.slice(0, 24)) + (i % 10)]));
  let made = 0;
  return (at = START + made) => {
    made++;
    const time = new Date(at);
    const method = random.pick(METHODS);
    const host = random.pick(HOSTS);
    const key = random.pick(keys);
    const api = routes ? apiOf.get(key)! : random.below(apis.length);
    const path = routes
      ? `/${WORDS[api % WORDS.length]}/${random.below(routes)}`
      : `/${random.pick(WORDS)}/${random.pick(WORDS)}/${random.below(10_000)}`;
    const total = 1 + random.below(300);
    const upstream = random.below(total);
    const request = `${method} ${path}?page=${random.below(100)} HTTP/1.1\r\nHost: ${host}\r\nX-Request-Id: ${made}\r\n\r\n`;
    return Buffer.from(
      encodeMsgpack({
        method,
        host,
        path,
        rawPath: path,
        contentLength: random.below(5000),
        userAgent: random.pick(AGENTS),
        day: time.getUTCDate(),
        month: time.getUTCMonth() + 1,
        year: time.getUTCFullYear(),
        hour: time.getUTCHours(),
        responseCode: random.pick(CODES),
        apiKey: key,
        timestamp: at,
        apiVersion: `v${random.below(3)}`,
        apiName: `${random.pick(WORDS)} API ${api}`,
        apiId: apis[api]!,
        orgId: key.slice(0, 24),
        requestTime: total,
        rawRequest: Buffer.from(request).toString("base64"),
        ipAddress: `203.0.113.${random.below(256)}`,
        geoCountryIsoCode: random.pick(COUNTRIES),
        geoCityGeonameId: 2_600_000 + random.below(100_000),
        geoCityNames: { en: "Springfield" },
        geoLocationLatitude: random.below(1_800_000) / 1e4 - 90,
        geoLocationLongitude: random.below(3_600_000) / 1e4 - 180,
        geoLocationTimeZone: "Europe/London",
        networkOpenConnections: random.below(50),
        networkClosedConnections: random.below(50),
        networkBytesIn: random.below(10_000),
        networkBytesOut: random.below(30_000),
        latencyTotal: total,
        latencyUpstream: upstream,
        latencyGateway: total - upstream,
        tags: tags
          ? Array.from({ length: tags }, (_, i) => `tag-${i}-${random.below(2)}`)
          : TAGS.slice(0, random.below(4)),
        alias: `client ${random.below(500)}`,
        trackPath: random.below(2) === 1,
        expireAt: at + 604_800_000,
        originalPath: path,
        listenPath: `/${random.pick(WORDS)}/`,
      }),
    );
  };
}

/** Makes records of about 300 B, or of so many bytes by their response: protobuf, which leaves out what is empty. */
export function smallRecordMaker(seed: number, bytes = 0): () => Buffer {
  const random = createRandom(seed);
  const keys = Array.from({ length: 1000 }, () => random.uuid());
  let made = 0;
  return () => {
    const path = `/${random.pick(WORDS)}/${random.below(10_000)}`;
    const record = {
      method: random.pick(METHODS),
      host: random.pick(HOSTS),
      path,
      rawPath: path,
      userAgent: random.pick(AGENTS),
      responseCode: random.pick(CODES),
      apiKey: random.pick(keys),
      apiId: random.pick(keys),
      orgId: random.pick(keys),
      timestamp: START + made++,
      requestTime: random.below(300),
      ipAddress: `203.0.113.${random.below(256)}`,
      rawResponse: "UmVz".repeat(Math.max(0, bytes - SMALL_BYTES) / 4),
    };
    return Buffer.from(encodeProtobuf(record));
  };
}

import { encodeMsgpack, type RecordInput } from "@sluice/sdk/record";
import { readCommands } from "../../sdk/record/fixtures/index.ts";

/** Records of about 1.1 kB in msgpack, as a gateway with detailed recording writes them; or those of a file of `RPUSH key value` commands (.resp.gz). */
export function records(file: string | undefined, count = 10_000): Buffer[] {
  return file ? readCommands(file) : Array.from({ length: count }, (_, i) => made(i));
}

const AGENTS = [
  "curl/8.7.1",
  "okhttp/4.12.0",
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
];

function made(i: number): Buffer {
  const id = (n: number) => (0x9e3779b1 * (n + 1)).toString(16).padStart(12, "0").repeat(3).slice(0, 32);
  const seconds = 1_773_000_000 + i * 21;
  const at = new Date(seconds * 1000);
  const [org, api] = [id(i % 20).slice(0, 24), id(i % 200)];
  const path = `/orders/${i % 2000}/items`;
  const record: RecordInput = {
    method: ["GET", "POST", "PUT"][i % 3]!,
    host: "api.example.com",
    path,
    rawPath: path,
    contentLength: i % 5000,
    userAgent: AGENTS[i % AGENTS.length]!,
    day: at.getUTCDate(),
    month: at.getUTCMonth() + 1,
    year: at.getUTCFullYear(),
    hour: at.getUTCHours(),
    responseCode: [200, 201, 304, 404, 500][i % 5]!,
    apiKey: org + id(i % 5000),
    timestamp: { seconds, nanos: (i % 1000) * 1e6 },
    apiVersion: "Non Versioned",
    apiName: `Orders API ${i % 200}`,
    apiId: api,
    orgId: org,
    requestTime: i % 300,
    ipAddress: `203.0.113.${i % 256}`,
    geoCountryIsoCode: "DE",
    geoCityGeonameId: 2_600_000 + i,
    geoCityNames: { en: "Hamburg" },
    geoLocationLatitude: 53.5 + i / 1e4,
    geoLocationLongitude: -9.9 - i / 1e4,
    geoLocationTimeZone: "Europe/Berlin",
    networkBytesIn: i,
    networkBytesOut: 3 * i,
    latencyTotal: i % 300,
    latencyUpstream: (i % 300) >> 1,
    latencyGateway: (i % 300) >> 2,
    tags: ["eu-west-1", `key-${org}`, `org-${org}`, `api-${api}`].slice(0, i % 5),
    alias: "mobile app",
    expireAt: { seconds: seconds + 604_800, nanos: 0 },
    originalPath: path,
    listenPath: "/orders/",
  };
  return Buffer.from(encodeMsgpack(record));
}

import { encodeMsgpack, encodeProtobuf, type RecordInput } from "@sluice/sdk/record";
import type { Cluster, Redis } from "ioredis";
import { type Csv, readCsv } from "./csv.ts";

/** What a gateway does: it pushes records. Each has a number, and all its fields follow from that. */
export const LIST = "analytics-tyk-system-analytics";

/** The 22 lists under the default prefix. */
export const LISTS: readonly string[] = ["", ...Array.from({ length: 10 }, (_, i) => `_${i}`)].flatMap((suffix) => [
  `${LIST}${suffix}`,
  `${LIST}${suffix}_protobuf`,
]);

const PIECE = 500;
const SECONDS = Date.UTC(2024, 4, 1) / 1000;
/** What CSV must quote, what it need not, and text beyond ASCII. */
const AGENTS = [
  "curl/8.5.0",
  'says "hello", twice: ""',
  'two\nlines, and a quote at the end"',
  "\r\n",
  " leading space",
  "Grüße ✓",
];

export function recordOf(n: number): RecordInput {
  return {
    method: ["GET", "POST", "PUT"][n % 3]!,
    host: "example.org",
    path: `/items/${n}`,
    rawPath: `/items/${n}`,
    contentLength: n % 1000,
    userAgent: AGENTS[n % AGENTS.length]!,
    responseCode: 200,
    apiKey: `key-${n}`,
    timestamp: { seconds: SECONDS + n, nanos: n },
    apiId: `api${n % 7}`,
    apiName: `API, number ${n % 7}`,
    orgId: "org",
    requestTime: n % 100,
    rawRequest: `request ${n}\n`.repeat(n % 9),
    rawResponse: n % 2 === 0 ? "" : `"${n}"`,
    ipAddress: "203.0.113.7",
    tags: n % 4 === 0 ? ["a", `tag-${n}`] : null,
    alias: `alias ${n}`,
  };
}

/** Fields whose text in a CSV row must be exactly that of the record. */
const WHOLE = [
  ["Method", "method"],
  ["Path", "path"],
  ["RawPath", "rawPath"],
  ["UserAgent", "userAgent"],
  ["APIKey", "apiKey"],
  ["APIID", "apiId"],
  ["APIName", "apiName"],
  ["RawRequest", "rawRequest"],
  ["RawResponse", "rawResponse"],
  ["Alias", "alias"],
] as const satisfies readonly (readonly [string, keyof RecordInput])[];

/** Pushes records [from, to). Resolves when Redis has said that it has them. */
export async function push(redis: Redis | Cluster, from: number, to: number, list = LIST): Promise<void> {
  const encode = list.endsWith("_protobuf") ? encodeProtobuf : encodeMsgpack;
  for (let at = from; at < to; at += PIECE) {
    const records = Array.from({ length: Math.min(PIECE, to - at) }, (_, i) =>
      Buffer.from(encode(recordOf(at + i)).buffer),
    );
    await redis.rpush(list, ...records);
  }
}

/** The number of a record as it is written in Redis. */
export function numberOf(record: Uint8Array): number {
  return Number(/key-(\d+)/.exec(Buffer.from(record).toString("latin1"))?.[1]);
}

/** How often each of the records [0, count) arrived. */
export interface Arrivals {
  missing: number[];
  duplicates: number;
  /** Numbers that nobody pushed. */
  foreign: number[];
}

export function arrivals(numbers: Iterable<number>, count: number): Arrivals {
  const times = new Uint16Array(count);
  const foreign: number[] = [];
  let duplicates = 0;
  for (const n of numbers) {
    if (!(n >= 0 && n < count)) foreign.push(n);
    else if (times[n]!++ > 0) duplicates++;
  }
  const missing: number[] = [];
  for (let n = 0; n < count; n++) if (times[n] === 0) missing.push(n);
  return { missing, duplicates, foreign };
}

/** The numbers of the records in these folders, each checked to be whole. Throws CsvFault, or Error for a record that is not. */
export function numbersIn(...folders: string[]): number[] {
  const csv = readCsv(...folders);
  const columns = columnsOf(csv);
  return csv.rows.map((row) => {
    const n = Number(/^key-(\d+)$/.exec(row[columns.get("APIKey")!]!)?.[1]);
    const record = recordOf(n);
    for (const [header, property] of WHOLE) {
      const text = row[columns.get(header)!];
      if (text !== record[property]) {
        throw new Error(`${header} of record ${n} is ${JSON.stringify(text)}, not ${JSON.stringify(record[property])}`);
      }
    }
    return n;
  });
}

function columnsOf({ header }: Csv): Map<string, number> {
  return new Map(header.map((name, i) => [name, i]));
}

/** Nothing live, and nothing that one of these sinks has not acknowledged. Right once nothing is pushed any more. */
export async function isDrained(redis: Redis | Cluster, sinks: readonly string[], list = LIST): Promise<boolean> {
  // In this order: what is not live any more is in the log.
  if ((await redis.llen(list)) > 0) return false;
  const log = `{${list}}:sluice:log`;
  if ((await redis.exists(log)) === 0) return true;
  const groups = ((await redis.xinfo("GROUPS", log)) as unknown[]).map(fieldsOf);
  const last = fieldsOf(await redis.xinfo("STREAM", log)).get("last-generated-id");
  return sinks.every((sink) => {
    const group = groups.find((fields) => fields.get("name") === sink);
    return group?.get("pending") === 0 && group.get("last-delivered-id") === last;
  });
}

/** Chunks that this sink holds, by their entry in the log, and which process has them. */
export async function owners(redis: Redis | Cluster, sink: string, list = LIST): Promise<Map<string, string>> {
  const log = `{${list}}:sluice:log`;
  const pending = await redis.xpending(log, sink, "-", "+", 10_000).catch((error: Error) => {
    if (error.message.startsWith("NOGROUP")) return [];
    throw error;
  });
  return new Map((pending as [string, string, number, number][]).map(([entry, owner]) => [entry, owner]));
}

function fieldsOf(flat: unknown): Map<unknown, unknown> {
  const values = flat as unknown[];
  return new Map(Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i], values[2 * i + 1]]));
}

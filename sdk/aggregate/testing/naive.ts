import { F } from "../../record/fields.ts";
import type { AnalyticsRecord, Field, Timestamp } from "../../record/types.ts";
import type { AggregateRules } from "../aggregation.ts";

/** The aggregation as the pages of the specification say it, one record after the other, with plain Maps: what the fast one must equal. */
export interface NaiveCounter {
  org: string;
  api: string;
  bucket: number;
  day: string;
  dimension: string;
  outer: string;
  key: string;
  identifier: string;
  human: string;
  hits: number;
  success: number;
  error: number;
  totalRequestTime: number;
  totalLatency: number;
  totalUpstreamLatency: number;
  maxLatency: number;
  maxUpstreamLatency: number;
  minLatency: number;
  minUpstreamLatency: number;
  /** Nanoseconds since 1970; null: none yet. */
  lastTime: bigint | null;
  openConnections: number;
  closedConnections: number;
  bytesIn: number;
  bytesOut: number;
  errors: { [code: string]: number };
}

interface Entry {
  dimension: string;
  outer?: string;
  key: string;
  identifier?: string;
  human?: string;
  graph?: boolean;
}

/** For times from year 1 to 9999. */
export function naive(records: Iterable<AnalyticsRecord>, rules: AggregateRules): Map<string, NaiveCounter> {
  const counters = new Map<string, NaiveCounter & { minima: { good: boolean; latency: number; upstream: number }[] }>();
  for (const record of records) {
    if (!wanted(record, rules)) continue;
    const org = rules.kind === "rest" ? record.orgId : "";
    const api = rules.kind === "rest" ? "" : record.apiId;
    const [bucket, day] = bucketOf(record, rules);
    const at = (entry: Entry) => {
      const { dimension, outer = "", key, identifier = key, human = key } = entry;
      const name = JSON.stringify([org, api, bucket, day, dimension, outer, key]);
      let counter = counters.get(name);
      if (!counter) {
        counter = {
          ...zero(),
          org: record.orgId,
          api,
          bucket,
          day,
          dimension,
          outer,
          key,
          identifier,
          human: "",
          minima: [],
        };
        counters.set(name, counter);
      }
      if (human !== "") counter.human = human;
      const time = nanoseconds(record.timestamp);
      if (counter.lastTime === null || time > counter.lastTime) counter.lastTime = time;
      return counter;
    };
    const total: Entry = { dimension: "", key: "total", identifier: "", human: "" };
    if (record.responseCode === -1) {
      const all = at(total);
      all.openConnections += record.networkOpenConnections;
      all.closedConnections += record.networkClosedConnections;
      const apis = record.apiId && !rules.ignore?.includes("apiid");
      const one = apis ? [at({ dimension: "apiid", key: record.apiId, human: record.apiName })] : [];
      for (const counter of [all, ...one]) {
        counter.bytesIn += record.networkBytesIn;
        counter.bytesOut += record.networkBytesOut;
      }
      continue;
    }
    const code = record.responseCode;
    for (const entry of [total, ...entries(record, rules)]) {
      if (rules.ignore?.includes(entry.dimension)) continue;
      const counter = at(entry);
      const failed = code >= 400 || (entry.graph === true && record.graphqlHasErrors);
      const success = code >= 200 && code < 300 && !failed;
      counter.hits++;
      if (success) counter.success++;
      if (failed) counter.error++;
      if (code >= 400) counter.errors[code] = (counter.errors[code] ?? 0) + 1;
      counter.totalRequestTime += record.requestTime;
      counter.totalLatency += record.latencyTotal;
      counter.totalUpstreamLatency += record.latencyUpstream;
      counter.minima.push({
        good: entry.dimension === "" ? success : !failed,
        latency: record.latencyTotal,
        upstream: record.latencyUpstream,
      });
    }
  }
  for (const counter of counters.values()) {
    const { minima } = counter;
    if (minima.length === 0) continue;
    const good = minima.filter((one) => one.good);
    const from = good.length > 0 ? good : minima;
    counter.minLatency = Math.min(...from.map(({ latency }) => latency));
    counter.minUpstreamLatency = Math.min(...from.map(({ upstream }) => upstream));
    counter.maxLatency = Math.max(...minima.map(({ latency }) => latency));
    counter.maxUpstreamLatency = Math.max(...minima.map(({ upstream }) => upstream));
  }
  return new Map([...counters].map(([name, { minima: _, ...counter }]) => [name, counter]));
}

export function nanoseconds({ seconds, nanos }: Timestamp): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}

function wanted(record: AnalyticsRecord, { kind }: AggregateRules): boolean {
  if (kind === "graphql") return record.isGraphql;
  if (kind === "mcp") return record.isMcp;
  return record.orgId !== "" && !record.isGraphql && !record.isMcp;
}

function bucketOf({ timestamp }: AnalyticsRecord, { minutes = 60, daily }: AggregateRules): [number, string] {
  // The wall clock, from its text.
  const [, minute, second] = /T\d\d:(\d\d):(\d\d)/.exec(timestamp.text("rfc3339"))!.map(Number);
  const late = (minute! % minutes) * 60 + second!;
  return [timestamp.seconds - late, daily ? timestamp.text("YYYYMMDD") : ""];
}

function entries(record: AnalyticsRecord, rules: AggregateRules): Entry[] {
  const { apiId, apiVersion, apiKey, oauthId, path, responseCode: code, geoCountryIsoCode: geo } = record;
  const list: Entry[] = [];
  if (apiId) list.push({ dimension: "apiid", key: apiId, human: record.apiName });
  if (code >= 400) list.push({ dimension: "errors", key: String(code), human: "" });
  if (apiVersion)
    list.push({
      dimension: "versions",
      key: b64(joined(record, F.apiId, F.apiVersion)),
      identifier: apiVersion,
      human: apiVersion,
    });
  if (apiKey) list.push({ dimension: "apikeys", key: apiKey, human: record.alias });
  if (oauthId) list.push({ dimension: "oauthids", key: oauthId, human: "" });
  if (geo) list.push({ dimension: "geo", key: geo });
  for (const tag of record.tags ?? []) {
    if (["key-", ...(rules.ignoreTagPrefixes ?? [])].some((prefix) => tag.startsWith(prefix))) continue;
    const key = tag.replace(/^[\s\u0085]+|[\s\u0085]+$/g, "").replaceAll(".", "");
    if (key) list.push({ dimension: "tags", key });
  }
  if (record.trackPath || rules.trackAllPaths) {
    const endpoint = b64(joined(record, F.apiId, F.path));
    const hex = joined(record, F.apiId, F.apiVersion, F.path).toString("hex");
    list.push({ dimension: "endpoints", key: path.replaceAll(".", "\\u2e"), identifier: path, human: path });
    if (apiKey) list.push({ dimension: "keyendpoints", outer: apiKey, key: endpoint });
    if (oauthId) list.push({ dimension: "oauthendpoints", outer: oauthId, key: endpoint });
    list.push({ dimension: "apiendpoints", key: hex, human: path });
  }
  if (rules.kind === "mcp") {
    const { mcpJsonrpcMethod: method, mcpPrimitiveType: type, mcpPrimitiveName: name } = record;
    if (method) list.push({ dimension: "methods", key: method });
    if (type) list.push({ dimension: "primitives", key: type });
    if (name) list.push({ dimension: "names", key: type ? `${type}_${name}` : name, human: name });
  }
  if (rules.kind === "graphql") {
    const graph = true;
    const operation = ["", "Query", "Mutation", "Subscription"][record.graphqlOperationType] ?? "";
    list.push({ dimension: "operation", key: operation, graph });
    for (const [type, fields] of Object.entries(record.graphqlTypes ?? {})) {
      list.push({ dimension: "types", key: type, graph });
      for (const field of fields ?? []) list.push({ dimension: "fields", key: `${type}_${field}`, graph });
    }
    for (const key of record.graphqlRootFields ?? []) list.push({ dimension: "rootfields", key, graph });
  }
  return list;
}

/** Bytes: a path need not be UTF-8. */
function joined(record: AnalyticsRecord, ...fields: Field[]): Buffer {
  return Buffer.concat(fields.flatMap((field, i) => [Buffer.from(i > 0 ? ":" : ""), record.bytes(field)]));
}

function b64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

function zero() {
  return {
    hits: 0,
    success: 0,
    error: 0,
    totalRequestTime: 0,
    totalLatency: 0,
    totalUpstreamLatency: 0,
    maxLatency: 0,
    maxUpstreamLatency: 0,
    minLatency: 0,
    minUpstreamLatency: 0,
    lastTime: null,
    openConnections: 0,
    closedConnections: 0,
    bytesIn: 0,
    bytesOut: 0,
    errors: {},
  };
}

import { type AnalyticsRecord, F, type Field } from "@sluice/sdk";

export type LabelValue = string | number;
/** Gives a record's value of a label. Two labels with the same reader share the memory of their values. */
export type LabelReader = (record: AnalyticsRecord) => LabelValue;

/** How the values of some labels are made. */
export interface LabelOptions {
  /** Paths of all records, not only of those that ask for it. */
  trackAllPaths: boolean;
  /** How many bytes of a key's end are shown; undefined: the whole key. */
  keyEnd: number | undefined;
}

const apiId: LabelReader = (record) => record.apiId;
const apiKey: LabelReader = (record) => record.apiKey;
const oauthId: LabelReader = (record) => record.oauthId;
const responseCode = whole(F.responseCode, (record) => record.responseCode);
const path: LabelReader = (record) => record.path;
const trackedPath: LabelReader = (record) => (record.trackPath ? record.path : "unknown");

/** By the names that Tyk Pump knows. Paths and keys depend on the configuration. */
const READERS: { readonly [label: string]: LabelReader } = {
  host: (record) => record.host,
  method: (record) => record.method,
  path: trackedPath,
  code: responseCode,
  response_code: responseCode,
  api_key: apiKey,
  key: apiKey,
  time_stamp: (record) => record.timestamp.text("go"),
  api_version: (record) => record.apiVersion,
  api_name: (record) => record.apiName,
  api: apiId,
  api_id: apiId,
  org_id: (record) => record.orgId,
  client_id: oauthId,
  oauth_id: oauthId,
  request_time: whole(F.requestTime, (record) => record.requestTime),
  latency_total: whole(F.latencyTotal, (record) => record.latencyTotal),
  latency_upstream: whole(F.latencyUpstream, (record) => record.latencyUpstream),
  latency_gateway: whole(F.latencyGateway, (record) => record.latencyGateway),
  ip_address: (record) => record.ipAddress,
  alias: (record) => record.alias,
  mcp_method: (record) => (record.isMcp ? record.mcpJsonrpcMethod : ""),
  mcp_primitive_type: (record) => (record.isMcp ? record.mcpPrimitiveType : ""),
  mcp_primitive_name: (record) => (record.isMcp ? record.mcpPrimitiveName : ""),
};

export const LABELS: readonly string[] = Object.keys(READERS);

const keyEnds = new Map<number, LabelReader>();

/** The reader of a label that `LABELS` has. */
export function labelReader(label: string, { trackAllPaths, keyEnd }: LabelOptions): LabelReader {
  const reader = READERS[label]!;
  if (reader === trackedPath && trackAllPaths) return path;
  if (reader !== apiKey || keyEnd === undefined) return reader;
  const known = keyEnds.get(keyEnd) ?? ((record: AnalyticsRecord) => obfuscate(record.apiKey, keyEnd));
  keyEnds.set(keyEnd, known);
  return known;
}

/** Numbers that a double cannot hold exactly are text. */
function whole(field: Field, number: (record: AnalyticsRecord) => number): LabelReader {
  return (record) => {
    const value = number(record);
    return Number.isSafeInteger(value) ? value : record.text(field);
  };
}

/** `****` and the last bytes of a longer key; `--` for one that would be shown whole. */
export function obfuscate(key: string, end: number): string {
  const bytes = Buffer.from(key);
  return bytes.length > end ? `****${bytes.toString("utf8", bytes.length - end)}` : "--";
}

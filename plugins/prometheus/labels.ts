import { type AnalyticsRecord, F, type Field } from "@sluice/sdk";

/** What a label's values are read from. Two labels with the same source share the memory of their values. */
export type LabelSource = TextSource | ValueSource;

/** A field of text. */
export interface TextSource {
  readonly field: Field;
  /** Whether a record's field counts, and the value of those where it does not. */
  readonly counts: ((record: AnalyticsRecord) => boolean) | null;
  readonly otherwise: string;
}

/** Anything else: numbers, and texts that are made. */
export interface ValueSource {
  readonly value: (record: AnalyticsRecord) => string | number;
}

/** How the values of some labels are made. */
export interface LabelOptions {
  /** Paths of all records, not only of those that ask for it. */
  trackAllPaths: boolean;
  /** How many bytes of a key's end are shown; undefined: the whole key. */
  keyEnd: number | undefined;
}

const text = (field: Field): TextSource => ({ field, counts: null, otherwise: "" });
const ofMcp = (field: Field): TextSource => ({ field, counts: (record) => record.isMcp, otherwise: "" });
const made = (value: ValueSource["value"]): ValueSource => ({ value });

const apiId = text(F.apiId);
const apiKey = text(F.apiKey);
const oauthId = text(F.oauthId);
const path = text(F.path);
const trackedPath: TextSource = { field: F.path, counts: (record) => record.trackPath, otherwise: "unknown" };
const responseCode = whole(F.responseCode, (record) => record.responseCode);

/** By the names that Tyk Pump knows. Paths and keys depend on the configuration. */
const SOURCES: { readonly [label: string]: LabelSource } = {
  host: text(F.host),
  method: text(F.method),
  path: trackedPath,
  code: responseCode,
  response_code: responseCode,
  api_key: apiKey,
  key: apiKey,
  time_stamp: made((record) => record.timestamp.text("go")),
  api_version: text(F.apiVersion),
  api_name: text(F.apiName),
  api: apiId,
  api_id: apiId,
  org_id: text(F.orgId),
  client_id: oauthId,
  oauth_id: oauthId,
  request_time: whole(F.requestTime, (record) => record.requestTime),
  latency_total: whole(F.latencyTotal, (record) => record.latencyTotal),
  latency_upstream: whole(F.latencyUpstream, (record) => record.latencyUpstream),
  latency_gateway: whole(F.latencyGateway, (record) => record.latencyGateway),
  ip_address: text(F.ipAddress),
  alias: text(F.alias),
  mcp_method: ofMcp(F.mcpJsonrpcMethod),
  mcp_primitive_type: ofMcp(F.mcpPrimitiveType),
  mcp_primitive_name: ofMcp(F.mcpPrimitiveName),
};

export const LABELS: readonly string[] = Object.keys(SOURCES);

const keyEnds = new Map<number, LabelSource>();

/** The source of a label that `LABELS` has. */
export function labelSource(label: string, { trackAllPaths, keyEnd }: LabelOptions): LabelSource {
  const source = SOURCES[label]!;
  if (source === trackedPath && trackAllPaths) return path;
  if (source !== apiKey || keyEnd === undefined) return source;
  const known = keyEnds.get(keyEnd) ?? made((record) => obfuscate(record.apiKey, keyEnd));
  keyEnds.set(keyEnd, known);
  return known;
}

/** Numbers that a double cannot hold exactly are text. */
function whole(field: Field, number: (record: AnalyticsRecord) => number): ValueSource {
  return made((record) => {
    const value = number(record);
    return Number.isSafeInteger(value) ? value : record.text(field);
  });
}

/** `****` and the last bytes of a longer key; `--` for one that would be shown whole. */
export function obfuscate(key: string, end: number): string {
  const bytes = Buffer.from(key);
  return bytes.length > end ? `****${bytes.toString("utf8", bytes.length - end)}` : "--";
}

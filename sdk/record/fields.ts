import { Fatal } from "../sink/errors.ts";
import type { AnalyticsRecord, Field, Kind, RecordBase, UptimeRecord } from "./types.ts";

/**
 * THE table of fields: scanners, readers, encoders, `F` and `fields` are all derived from it. Order is Go's declaration
 * order, which is the order of msgpack keys, of positional structs and of JSON. Source: `AnalyticsRecord` and
 * `UptimeReportData` of tyk-pump, and the messages of its analytics.proto.
 */

/** Go's type, by how it is written and read. `int32` and `uint32` say how protobuf cuts them; in msgpack all are 64 bit. */
export type LeafType =
  | "text"
  | "int64"
  | "int32"
  | "uint32"
  | "float"
  | "boolean"
  | "time"
  | "texts" // []string
  | "textMap" // map[string]string
  | "textsMap" // map[string][]string
  | "errors"; // []GraphError

export interface Leaf extends Field {
  readonly node: "leaf";
  readonly type: LeafType;
  /** Property of the record object; "" for what no plugin sees. */
  readonly property: string;
  /** Key in its JSON object; "" for what JSON leaves out. */
  readonly json: string;
  /** Go's field name, the key in msgpack; "" where it is not in msgpack. */
  readonly key: string;
  /** Field number in protobuf; 0 where it is not there. */
  readonly proto: number;
  /** Index of its first word in a row of slots; texts have two words. -1: checked, but not kept. */
  readonly slot: number;
}

export interface Struct {
  readonly node: "struct";
  readonly json: string;
  readonly key: string;
  readonly proto: number;
  readonly children: readonly FieldNode[];
}

export type FieldNode = Leaf | Struct;

export interface Schema {
  readonly kind: Kind;
  readonly root: Struct;
  /** All leaves with a slot, in order. */
  readonly leaves: readonly Leaf[];
  /** Words of a row. */
  readonly stride: number;
  readonly byName: ReadonlyMap<string, Leaf>;
  readonly byProperty: ReadonlyMap<string, Leaf>;
}

type Row = readonly [property: string, json: string, key: string, proto: number, type: LeafType];
type Group = readonly [json: string, key: string, proto: number, children: readonly (Row | Group)[]];

const ANALYTICS: readonly (Row | Group)[] = [
  ["method", "method", "Method", 2, "text"],
  ["host", "host", "Host", 1, "text"],
  ["path", "path", "Path", 3, "text"],
  ["rawPath", "raw_path", "RawPath", 4, "text"],
  ["contentLength", "content_length", "ContentLength", 5, "int64"],
  ["userAgent", "user_agent", "UserAgent", 6, "text"],
  ["day", "day", "Day", 7, "int32"],
  ["month", "month", "Month", 8, "int32"],
  ["year", "year", "Year", 9, "int32"],
  ["hour", "hour", "Hour", 10, "int32"],
  ["responseCode", "response_code", "ResponseCode", 11, "int32"],
  ["apiKey", "api_key", "APIKey", 12, "text"],
  ["timestamp", "timestamp", "TimeStamp", 13, "time"],
  ["apiVersion", "api_version", "APIVersion", 14, "text"],
  ["apiName", "api_name", "APIName", 15, "text"],
  ["apiId", "api_id", "APIID", 16, "text"],
  ["orgId", "org_id", "OrgID", 17, "text"],
  ["oauthId", "oauth_id", "OauthID", 29, "text"],
  ["requestTime", "request_time", "RequestTime", 18, "int64"],
  ["rawRequest", "raw_request", "RawRequest", 20, "text"],
  ["rawResponse", "raw_response", "RawResponse", 21, "text"],
  ["ipAddress", "ip_address", "IPAddress", 22, "text"],
  [
    "geo",
    "Geo",
    23,
    [
      ["country", "Country", 1, [["geoCountryIsoCode", "iso_code", "ISOCode", 1, "text"]]],
      [
        "city",
        "City",
        2,
        [
          ["geoCityGeonameId", "geoname_id", "GeoNameID", 2, "uint32"],
          ["geoCityNames", "names", "Names", 1, "textMap"],
        ],
      ],
      [
        "location",
        "Location",
        3,
        [
          ["geoLocationLatitude", "latitude", "Latitude", 1, "float"],
          ["geoLocationLongitude", "longitude", "Longitude", 2, "float"],
          ["geoLocationTimeZone", "time_zone", "TimeZone", 3, "text"],
        ],
      ],
    ],
  ],
  [
    "network",
    "Network",
    24,
    [
      ["networkOpenConnections", "open_connections", "OpenConnections", 1, "int64"],
      ["networkClosedConnections", "closed_connections", "ClosedConnection", 2, "int64"],
      ["networkBytesIn", "bytes_in", "BytesIn", 3, "int64"],
      ["networkBytesOut", "bytes_out", "BytesOut", 4, "int64"],
    ],
  ],
  [
    "latency",
    "Latency",
    19,
    [
      ["latencyTotal", "total", "Total", 1, "int64"],
      ["latencyUpstream", "upstream", "Upstream", 2, "int64"],
      ["latencyGateway", "gateway", "Gateway", 0, "int64"],
    ],
  ],
  ["tags", "tags", "Tags", 25, "texts"],
  ["alias", "alias", "Alias", 26, "text"],
  ["trackPath", "track_path", "TrackPath", 27, "boolean"],
  ["expireAt", "expireAt", "ExpireAt", 28, "time"],
  ["apiSchema", "api_schema", "ApiSchema", 31, "text"],
  ["originalPath", "original_path", "OriginalPath", 34, "text"],
  ["listenPath", "listen_path", "ListenPath", 35, "text"],
  [
    "graphql_stats",
    "GraphQLStats",
    32,
    [
      ["graphqlVariables", "Variables", "Variables", 4, "text"],
      ["graphqlRootFields", "RootFields", "RootFields", 5, "texts"],
      ["graphqlTypes", "Types", "Types", 2, "textsMap"],
      ["graphqlErrors", "Errors", "Errors", 7, "errors"],
      ["graphqlOperationType", "OperationType", "OperationType", 3, "int32"],
      ["graphqlHasErrors", "HasErrors", "HasErrors", 6, "boolean"],
      ["isGraphql", "IsGraphQL", "IsGraphQL", 1, "boolean"],
    ],
  ],
  [
    "mcp_stats",
    "MCPStats",
    33,
    [
      ["isMcp", "is_mcp", "IsMCP", 1, "boolean"],
      ["mcpJsonrpcMethod", "jsonrpc_method", "JSONRPCMethod", 2, "text"],
      ["mcpPrimitiveType", "primitive_type", "PrimitiveType", 3, "text"],
      ["mcpPrimitiveName", "primitive_name", "PrimitiveName", 4, "text"],
    ],
  ],
  ["", "", "CollectionName", 0, "text"],
  // The zone of both times; protobuf only.
  ["", "", "", 30, "text"],
];

const UPTIME: readonly (Row | Group)[] = [
  ["url", "url", "URL", 0, "text"],
  ["requestTime", "request_time", "RequestTime", 0, "int64"],
  ["responseCode", "response_code", "ResponseCode", 0, "int32"],
  ["tcpError", "tcp_error", "TCPError", 0, "boolean"],
  ["serverError", "server_error", "ServerError", 0, "boolean"],
  ["day", "day", "Day", 0, "int32"],
  ["month", "month", "Month", 0, "int32"],
  ["year", "year", "Year", 0, "int32"],
  ["hour", "hour", "Hour", 0, "int32"],
  ["minute", "minute", "Minute", 0, "int32"],
  ["timestamp", "timestamp", "TimeStamp", 0, "time"],
  ["expireAt", "ExpireAt", "ExpireAt", 0, "time"],
  ["apiId", "api_id", "APIID", 0, "text"],
  ["orgId", "org_id", "OrgID", 0, "text"],
];

const KINDS: { readonly [type in LeafType]: Field["kind"] } = {
  text: "text",
  int64: "number",
  int32: "number",
  uint32: "number",
  float: "number",
  boolean: "boolean",
  time: "time",
  texts: "list",
  textMap: "map",
  textsMap: "map",
  errors: "list",
};

function compile(kind: Kind, rows: readonly (Row | Group)[]): Schema {
  const leaves: Leaf[] = [];
  let stride = 0;
  const build = (row: Row | Group, prefix: string): FieldNode => {
    if (typeof row[3] !== "number") {
      const [json, key, proto, children] = row as Group;
      return { node: "struct", json, key, proto, children: children.map((child) => build(child, `${prefix}${json}.`)) };
    }
    const [property, json, key, proto, type] = row as Row;
    const kept = key !== "CollectionName";
    const slot = kept ? stride : -1;
    if (kept) stride += type === "text" ? 2 : 1;
    const name = prefix + json;
    const leaf: Leaf = { node: "leaf", name, kind: KINDS[type], type, property, json, key, proto, slot };
    if (property) leaves.push(leaf);
    return leaf;
  };
  const root: Struct = { node: "struct", json: "", key: "", proto: 0, children: rows.map((row) => build(row, "")) };
  return {
    kind,
    root,
    leaves,
    stride,
    byName: new Map(leaves.map((leaf) => [leaf.name, leaf])),
    byProperty: new Map(leaves.map((leaf) => [leaf.property, leaf])),
  };
}

export const analyticsSchema: Schema = compile("analytics", ANALYTICS);
export const uptimeSchema: Schema = compile("uptime", UPTIME);

/** The slot of protobuf's TimeZone. */
export const ZONE_SLOT: number = analyticsSchema.stride - 2;

/** The words of a row that a field, or all fields of a struct, has. */
export function wordsOf(node: FieldNode): number[] {
  if (node.node === "struct") return node.children.flatMap(wordsOf);
  if (node.slot < 0) return [];
  return node.type === "text" ? [node.slot, node.slot + 1] : [node.slot];
}

export function schemaOf(kind: Kind): Schema {
  return kind === "uptime" ? uptimeSchema : analyticsSchema;
}

/** The leaf behind a public `Field`, in this schema. Throws Fatal where the schema has none of that name. */
export function leafOf(schema: Schema, field: Field): Leaf {
  const leaf = schema.byName.get(field.name);
  if (!leaf) throw unknown(field.name, schema);
  return leaf;
}

function unknown(name: string, schema: Schema): Fatal {
  return new Fatal(
    `There is no field "${name}" in ${schema.kind} records; use its JSON name, nested ones with dots (${[...schema.byName.keys()].slice(0, 3).join(", ")}, ... )`,
  );
}

type Properties<R extends RecordBase> = { readonly [P in Exclude<keyof R, keyof RecordBase>]: Field };

/** F.apiId, F.latencyTotal, ...: one for each property of AnalyticsRecord. */
export const F = Object.fromEntries(analyticsSchema.byProperty) as unknown as Properties<AnalyticsRecord>;

/** The same for uptime records. */
export const UptimeF = Object.fromEntries(uptimeSchema.byProperty) as unknown as Properties<UptimeRecord>;

/** By JSON name ("api_id", "latency.total"), for `fields` and `tags` lists of a configuration. An unknown name is Fatal and named. */
export function fields(names: readonly string[]): Field[] {
  return names.map((name) => {
    const leaf = analyticsSchema.byName.get(name);
    if (!leaf) throw unknown(name, analyticsSchema);
    return leaf;
  });
}

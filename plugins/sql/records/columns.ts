import { type AnalyticsRecord, F, type Field } from "@sluice/sdk";
import type { LoadColumn } from "../database/database.ts";
import type { Column, ColumnType } from "../database/dialect.ts";

/** A column of a raw table. */
export interface RecordColumn extends LoadColumn, Column {}

const TYPES: { readonly [kind in Field["kind"]]: ColumnType } = {
  text: "text",
  number: "integer",
  boolean: "boolean",
  time: "time",
  // As JSON.
  list: "text",
  map: "text",
};

function column(name: string, value: Field, type: ColumnType = TYPES[value.kind]): RecordColumn {
  return { name, type, value };
}

/** The columns of `tyk_analytics`, in the order in which Tyk Pump makes them. */
export const RECORD: readonly RecordColumn[] = [
  column("method", F.method),
  column("host", F.host),
  column("path", F.path),
  column("rawpath", F.rawPath),
  column("contentlength", F.contentLength),
  column("useragent", F.userAgent),
  column("day", F.day),
  column("month", F.month),
  column("year", F.year),
  column("hour", F.hour),
  column("responsecode", F.responseCode),
  column("apikey", F.apiKey),
  column("timestamp", F.timestamp),
  column("apiversion", F.apiVersion),
  column("api_name", F.apiName),
  column("apiid", F.apiId),
  column("orgid", F.orgId),
  column("oauthid", F.oauthId),
  column("requesttime", F.requestTime),
  column("rawrequest", F.rawRequest),
  column("rawresponse", F.rawResponse),
  column("ipaddress", F.ipAddress),
  column("geo_country_iso_code", F.geoCountryIsoCode),
  column("geo_city_geoname_id", F.geoCityGeonameId, "unsigned"),
  column("geo_city_names", F.geoCityNames),
  column("geo_location_latitude", F.geoLocationLatitude, "float"),
  column("geo_location_longitude", F.geoLocationLongitude, "float"),
  column("geo_location_time_zone", F.geoLocationTimeZone),
  column("network_open_connections", F.networkOpenConnections),
  column("network_closed_connections", F.networkClosedConnections),
  column("network_bytes_in", F.networkBytesIn),
  column("network_bytes_out", F.networkBytesOut),
  column("latency_total", F.latencyTotal),
  column("latency_upstream", F.latencyUpstream),
  column("latency_gateway", F.latencyGateway),
  column("tags", F.tags),
  column("alias", F.alias),
  column("trackpath", F.trackPath),
  column("expireAt", F.expireAt),
  column("originalpath", F.originalPath),
  column("listenpath", F.listenPath),
  column("graphql_stats_variables", F.graphqlVariables),
  column("graphql_stats_root_fields", F.graphqlRootFields),
  column("graphql_stats_types", F.graphqlTypes),
  column("graphql_stats_errors", F.graphqlErrors),
  column("graphql_stats_operation_type", F.graphqlOperationType),
  column("graphql_stats_has_errors", F.graphqlHasErrors),
  column("graphql_stats_is_graph_ql", F.isGraphql),
  column("mcp_stats_is_mcp", F.isMcp),
  column("mcp_stats_jsonrpc_method", F.mcpJsonrpcMethod),
  column("mcp_stats_primitive_type", F.mcpPrimitiveType),
  column("mcp_stats_primitive_name", F.mcpPrimitiveName),
];

/** The same within another table. */
const ANALYTICS = RECORD.map((one) => ({ ...one, name: `analytics_${one.name}` }));

const OPERATIONS = ["", "Query", "Mutation", "Subscription"];

export const GRAPH: readonly RecordColumn[] = [
  column("types", F.graphqlTypes),
  ...ANALYTICS,
  {
    name: "operation_type",
    type: "text",
    value: ({ graphqlOperationType }: AnalyticsRecord) => OPERATIONS[graphqlOperationType] ?? "",
  },
  column("variables", F.graphqlVariables),
  column("root_fields", F.graphqlRootFields),
  column("errors", F.graphqlErrors),
  {
    name: "has_errors",
    type: "boolean",
    value: ({ graphqlHasErrors, responseCode }: AnalyticsRecord) => graphqlHasErrors || responseCode >= 400,
  },
];

export const MCP: readonly RecordColumn[] = [
  column("jsonrpc_method", F.mcpJsonrpcMethod),
  column("primitive_type", F.mcpPrimitiveType),
  column("primitive_name", F.mcpPrimitiveName),
  ...ANALYTICS,
];

/** Those that a day's table of `tyk_analytics` has an index on. */
export const INDEXED: readonly string[] = ["responsecode", "apikey", "timestamp", "apiid", "orgid", "oauthid"];

import { F, type Field } from "@sluice/sdk";

/** The columns of Tyk Pump's CSV files, in order. GraphQL and MCP statistics have none. */
const COLUMNS: readonly (readonly [header: string, field: Field])[] = [
  ["Method", F.method],
  ["Host", F.host],
  ["Path", F.path],
  ["RawPath", F.rawPath],
  ["ContentLength", F.contentLength],
  ["UserAgent", F.userAgent],
  ["Day", F.day],
  ["Month", F.month],
  ["Year", F.year],
  ["Hour", F.hour],
  ["ResponseCode", F.responseCode],
  ["APIKey", F.apiKey],
  ["TimeStamp", F.timestamp],
  ["APIVersion", F.apiVersion],
  ["APIName", F.apiName],
  ["APIID", F.apiId],
  ["OrgID", F.orgId],
  ["OauthID", F.oauthId],
  ["RequestTime", F.requestTime],
  ["RawRequest", F.rawRequest],
  ["RawResponse", F.rawResponse],
  ["IPAddress", F.ipAddress],
  ["GeoData.Country.ISOCode", F.geoCountryIsoCode],
  ["GeoData.City.GeoNameID", F.geoCityGeonameId],
  ["GeoData.City.Names", F.geoCityNames],
  ["GeoData.Location.Latitude", F.geoLocationLatitude],
  ["GeoData.Location.Longitude", F.geoLocationLongitude],
  ["GeoData.Location.TimeZone", F.geoLocationTimeZone],
  ["NetworkStats.OpenConnections", F.networkOpenConnections],
  ["NetworkStats.ClosedConnection", F.networkClosedConnections],
  ["NetworkStats.BytesIn", F.networkBytesIn],
  ["NetworkStats.BytesOut", F.networkBytesOut],
  ["Latency.Total", F.latencyTotal],
  ["Latency.Upstream", F.latencyUpstream],
  ["Latency.Gateway", F.latencyGateway],
  ["Tags", F.tags],
  ["Alias", F.alias],
  ["TrackPath", F.trackPath],
  ["ExpireAt", F.expireAt],
  ["ApiSchema", F.apiSchema],
  ["OriginalPath", F.originalPath],
  ["ListenPath", F.listenPath],
];

export const FIELDS: readonly Field[] = COLUMNS.map(([, field]) => field);

/** The first line of a file. */
export const HEADER: Buffer = Buffer.from(`${COLUMNS.map(([header]) => header).join(",")}\n`);

import { type AnalyticsRecord, type Batch, F, type Field } from "@sluice/sdk";
import { any, float, list, map, quote } from "./go-text.ts";
import type { Lines } from "./json-lines.ts";

const RESERVED = new Set(["time", "message", "level", "logrus_error"]);
/** Records of lines written at once. */
const PAGE_RECORDS = 500;

/**
 * One line a record, as Tyk Pump's logger writes an entry in text:
 * `time="..." level=info prefix=stdout-pump <name>="{ GET ... }"`, the record as Go's `%v` prints it, then quoted.
 */
export function textLines(name: string): (batch: Batch) => Iterable<Lines> {
  const key = RESERVED.has(name) ? `fields.${name}` : name;
  const [before, after] =
    key < "prefix" ? ["", " prefix=stdout-pump"] : [key === "prefix" ? "" : " prefix=stdout-pump", ""];
  return function* (batch) {
    const start = `time="${rfc3339(new Date())}" level=info${before} ${key}=`;
    for (let from = 0; from < batch.size; from += PAGE_RECORDS) {
      const page = batch.slice(from, from + PAGE_RECORDS);
      let text = "";
      for (const record of page) text += `${start}${quote(recordText(record))}${after}\n`;
      yield { text: Buffer.from(text), batch: page };
    }
  };
}

/** Whole seconds, in the process's zone. */
function rfc3339(now: Date): string {
  const offset = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + offset * 60_000).toISOString().slice(0, 19);
  if (offset === 0) return `${local}Z`;
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${local}${offset < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}

const MONTHS = "January February March April May June July August September October November December".split(" ");

/** The record's struct, internal fields (both empty) at its ends. */
function recordText(record: AnalyticsRecord): Buffer {
  const text = (field: Field) => Buffer.from(record.bytes(field)).toString("latin1");
  const number = (field: Field) => record.text(field);
  const struct = (...fields: string[]) => `{${fields.join(" ")}}`;
  /** A list's or map's value, a character for each byte. */
  const value = (field: Field) => JSON.parse(text(field) || "null");
  const texts = (items: readonly string[] | null) => list(items ?? []);
  const entries = <T>(field: Field) => Object.entries<T>(value(field) ?? {});
  const { month } = record;
  const go = struct(
    "",
    ...[F.method, F.host, F.path, F.rawPath].map(text),
    number(F.contentLength),
    text(F.userAgent),
    number(F.day),
    MONTHS[month - 1] ?? `%!Month(${BigInt.asUintN(64, BigInt(number(F.month)))})`,
    ...[F.year, F.hour, F.responseCode].map(number),
    text(F.apiKey),
    record.timestamp.text("go"),
    ...[F.apiVersion, F.apiName, F.apiId, F.orgId, F.oauthId].map(text),
    number(F.requestTime),
    ...[F.rawRequest, F.rawResponse, F.ipAddress].map(text),
    struct(
      struct(text(F.geoCountryIsoCode)),
      struct(number(F.geoCityGeonameId), map(entries<string>(F.geoCityNames))),
      struct(float(record.geoLocationLatitude), float(record.geoLocationLongitude), text(F.geoLocationTimeZone)),
    ),
    struct(...[F.networkOpenConnections, F.networkClosedConnections, F.networkBytesIn, F.networkBytesOut].map(number)),
    struct(...[F.latencyTotal, F.latencyUpstream, F.latencyGateway].map(number)),
    texts(value(F.tags)),
    text(F.alias),
    String(record.trackPath),
    record.expireAt.text("go"),
    ...[F.apiSchema, F.originalPath, F.listenPath].map(text),
    struct(
      text(F.graphqlVariables),
      texts(value(F.graphqlRootFields)),
      map(entries<string[] | null>(F.graphqlTypes).map(([type, fields]) => [type, texts(fields)])),
      list(
        ((value(F.graphqlErrors) ?? []) as { message: string; path: unknown[] | null }[]).map(({ message, path }) =>
          struct(message, any(path ?? [])),
        ),
      ),
      number(F.graphqlOperationType),
      String(record.graphqlHasErrors),
      String(record.isGraphql),
    ),
    struct(String(record.isMcp), ...[F.mcpJsonrpcMethod, F.mcpPrimitiveType, F.mcpPrimitiveName].map(text)),
    "",
  );
  return Buffer.from(go, "latin1");
}

/** What a plugin sees of records. Only these declarations are the contract, not what lies behind them. */

export type Kind = "analytics" | "uptime";
export type RecordOf<K extends Kind> = K extends "uptime" ? UptimeRecord : AnalyticsRecord;

/** How records are written in the log. */
export type Wire = "msgpack" | "protobuf" | "uptime";

/** A run of one chunk's records. */
export interface Part {
  /** Names the chunk for good. A dead letter that is delivered again has one of its own: what marks chunks as written has never seen it. */
  readonly chunk: string;
  /** Records [from, to) of the chunk, counted before filters. */
  readonly from: number;
  readonly to: number;
  /** May have been written before, whole or in part, also by another process. */
  readonly redelivered: boolean;
}

export interface RecordBase {
  /** Names the record within this call, or this gather. Keep the number, not the record. */
  readonly ref: number;
  /** Position in its chunk. `(part.chunk, index)` is the record's identity. */
  readonly index: number;
  readonly part: Part;
  /** The identity as text, `<chunk>.<index>`: also of a dead letter that is delivered again. */
  readonly id: string;
  /** Bytes derived from the identity, equal at each delivery: for a Mongo `_id` (12), a 64-bit key (8), a UUID (16). */
  idBytes(length: 8 | 12 | 16): Uint8Array;
  /** The field as text; invalid UTF-8 becomes U+FFFD. */
  text(field: Field): string;
  /** Numbers, 0 or 1 for booleans, milliseconds for times, 0 for the rest. */
  number(field: Field): number;
  /** A copy of the field's bytes: a Go string need not be UTF-8. Of a list or map: JSON whose strings are such bytes. */
  bytes(field: Field): Uint8Array;
  /** The full JSON object under JSON names: several times the price of a few fields. */
  toObject(): { [name: string]: unknown };
}

export interface AnalyticsRecord extends RecordBase {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly rawPath: string;
  readonly contentLength: number;
  readonly userAgent: string;
  readonly day: number;
  readonly month: number;
  readonly year: number;
  readonly hour: number;
  readonly responseCode: number;
  readonly apiKey: string;
  readonly timestamp: Timestamp;
  readonly apiVersion: string;
  readonly apiName: string;
  readonly apiId: string;
  readonly orgId: string;
  readonly oauthId: string;
  /** Milliseconds. */
  readonly requestTime: number;
  readonly rawRequest: string;
  readonly rawResponse: string;
  readonly ipAddress: string;
  readonly geoCountryIsoCode: string;
  readonly geoCityGeonameId: number;
  readonly geoCityNames: { [lang: string]: string } | null;
  readonly geoLocationLatitude: number;
  readonly geoLocationLongitude: number;
  readonly geoLocationTimeZone: string;
  readonly networkOpenConnections: number;
  readonly networkClosedConnections: number;
  readonly networkBytesIn: number;
  readonly networkBytesOut: number;
  readonly latencyTotal: number;
  readonly latencyUpstream: number;
  readonly latencyGateway: number;
  readonly tags: string[] | null;
  readonly alias: string;
  readonly trackPath: boolean;
  readonly expireAt: Timestamp;
  readonly apiSchema: string;
  readonly originalPath: string;
  readonly listenPath: string;
  readonly graphqlVariables: string;
  readonly graphqlRootFields: string[] | null;
  readonly graphqlTypes: { [type: string]: string[] } | null;
  readonly graphqlErrors: { message: string; path: unknown[] | null }[] | null;
  readonly graphqlOperationType: number;
  readonly graphqlHasErrors: boolean;
  readonly isGraphql: boolean;
  readonly isMcp: boolean;
  readonly mcpJsonrpcMethod: string;
  readonly mcpPrimitiveType: string;
  readonly mcpPrimitiveName: string;
}

export interface UptimeRecord extends RecordBase {
  readonly url: string;
  /** Milliseconds. */
  readonly requestTime: number;
  readonly responseCode: number;
  readonly tcpError: boolean;
  readonly serverError: boolean;
  readonly day: number;
  readonly month: number;
  readonly year: number;
  readonly hour: number;
  readonly minute: number;
  readonly timestamp: Timestamp;
  readonly expireAt: Timestamp;
  readonly apiId: string;
  readonly orgId: string;
}

/** Go time: nanoseconds and a zone (a protobuf record names its own, the others have the process's). */
export interface Timestamp {
  /** Milliseconds since 1970, cut. */
  readonly ms: number;
  readonly seconds: number;
  readonly nanos: number;
  /** A name of the tz database, "UTC" or "Local". */
  readonly zone: string;
  date(): Date;
  text(layout: "rfc3339" | "go" | "YYYYMMDD" | "YYYY.MM.DD"): string;
}

export interface Field {
  /** The JSON name, nested ones with dots: "api_id", "latency.total". */
  readonly name: string;
  readonly kind: "text" | "number" | "boolean" | "time" | "list" | "map";
}

/**
 * A selection of records over shared memory, filters applied, fields prepared. Valid until the call it was given to
 * settles; afterwards every access throws.
 */
export interface Batch<R = AnalyticsRecord> extends Iterable<R> {
  readonly size: number;
  /** On the wire, before preparation. */
  readonly bytes: number;
  /** What it is made of, in order: chunks, or a piece of one. */
  readonly parts: readonly Part[];
  at(i: number): R;
  /** Narrower views; no record is copied. */
  slice(from: number, to?: number): Batch<R>;
  filter(keep: (record: R) => boolean): Batch<R>;
  groupBy(key: (record: R) => string): Map<string, Batch<R>>;
}

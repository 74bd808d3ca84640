import { analyticsSchema, type Leaf } from "../record/fields.ts";
import { textsAt, textsMapOf } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";
import {
  apiEndpoint,
  endpoint,
  type Labels,
  named,
  nestedEndpoint,
  plain,
  primitiveName,
  unnamed,
  version,
} from "./labels.ts";

/** A text of the record that is, or is part of, a key. */
export type TextSource =
  | "orgId"
  | "apiId"
  | "apiVersion"
  | "apiKey"
  | "oauthId"
  | "geoCountryIsoCode"
  | "path"
  | "mcpJsonrpcMethod"
  | "mcpPrimitiveType"
  | "mcpPrimitiveName";
/** `endpoint`: api id and path. `code`: the response code, empty below 400. */
export type Source = TextSource | "endpoint" | "code" | "operation";

/** What one record adds to one set of counters, as data. */
export interface Dimension {
  /** As in the column `dimension`; the names of Mongo's maps are the same. */
  readonly name: string;
  /** One or two sources that make the key. */
  readonly key: readonly [Source] | readonly [Source, Source];
  /** No counter where this is empty; null: the empty key counts too. */
  readonly needs: Source | null;
  readonly labels: Labels;
  /** The first part of the key is a key above the second. */
  readonly nested?: boolean;
  /** Only where the record's path is tracked. */
  readonly tracked?: boolean;
  /** The name that goes with the key; the last one that is not empty wins. */
  readonly human?: "apiName" | "alias";
  /** A GraphQL error counts as an error here, whatever the response code. */
  readonly graphErrors?: boolean;
}

/** The same for a list of keys; one that comes twice counts twice. */
export interface ListDimension {
  readonly name: string;
  readonly keys: (table: RecordTable, row: number) => Iterable<string>;
}

const LEAVES = analyticsSchema.byProperty;
export const leafFor = (property: string): Leaf => LEAVES.get(property)!;

export const COMMON: readonly Dimension[] = [
  { name: "apiid", key: ["apiId"], needs: "apiId", labels: named, human: "apiName" },
  { name: "errors", key: ["code"], needs: "code", labels: unnamed },
  { name: "versions", key: ["apiId", "apiVersion"], needs: "apiVersion", labels: version },
  { name: "apikeys", key: ["apiKey"], needs: "apiKey", labels: named, human: "alias" },
  { name: "oauthids", key: ["oauthId"], needs: "oauthId", labels: unnamed },
  { name: "geo", key: ["geoCountryIsoCode"], needs: "geoCountryIsoCode", labels: plain },
  { name: "endpoints", key: ["path"], needs: null, labels: endpoint, tracked: true },
  {
    name: "keyendpoints",
    key: ["apiKey", "endpoint"],
    needs: "apiKey",
    labels: nestedEndpoint,
    nested: true,
    tracked: true,
  },
  {
    name: "oauthendpoints",
    key: ["oauthId", "endpoint"],
    needs: "oauthId",
    labels: nestedEndpoint,
    nested: true,
    tracked: true,
  },
  { name: "apiendpoints", key: ["apiVersion", "endpoint"], needs: null, labels: apiEndpoint, tracked: true },
];

const MCP: readonly Dimension[] = [
  { name: "methods", key: ["mcpJsonrpcMethod"], needs: "mcpJsonrpcMethod", labels: plain },
  { name: "primitives", key: ["mcpPrimitiveType"], needs: "mcpPrimitiveType", labels: plain },
  {
    name: "names",
    key: ["mcpPrimitiveType", "mcpPrimitiveName"],
    needs: "mcpPrimitiveName",
    labels: primitiveName,
  },
];

const GRAPH: readonly Dimension[] = [
  { name: "operation", key: ["operation"], needs: null, labels: plain, graphErrors: true },
];

const TYPES = leafFor("graphqlTypes");
const ROOT_FIELDS = leafFor("graphqlRootFields");

/** Their keys label themselves, and a GraphQL error counts as an error. */
const GRAPH_LISTS: readonly ListDimension[] = [
  { name: "types", keys: (table, row) => Object.keys(textsMapOf(table, row, TYPES) ?? {}) },
  { name: "fields", keys: typeFields },
  { name: "rootfields", keys: (table, row) => textsAt(table, row, ROOT_FIELDS) ?? [] },
];

function typeFields(table: RecordTable, row: number): string[] {
  const types = Object.entries(textsMapOf(table, row, TYPES) ?? {});
  return types.flatMap(([type, fields]) => (fields ?? []).map((field) => `${type}_${field}`));
}

/** `tyk_aggregated` and its like: which records, grouped by what, into which dimensions (besides `tags` and the total). */
export interface Plan {
  readonly owner: "orgId" | "apiId";
  readonly dimensions: readonly Dimension[];
  readonly lists: readonly ListDimension[];
}

export type AggregateKind = "rest" | "graphql" | "mcp";

export const PLANS: { readonly [kind in AggregateKind]: Plan } = {
  rest: { owner: "orgId", dimensions: COMMON, lists: [] },
  graphql: { owner: "apiId", dimensions: [...COMMON, ...GRAPH], lists: GRAPH_LISTS },
  mcp: { owner: "apiId", dimensions: [...COMMON, ...MCP], lists: [] },
};

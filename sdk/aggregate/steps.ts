import { type Dimension, leafFor, type Source } from "./dimensions.ts";

/** Dimensions by numbers, as the loop over records has them. */

/** Where the symbol of each source lies while a record is counted. */
export const PLACES: { readonly [source in Source]: number } = {
  orgId: 0,
  apiId: 1,
  apiVersion: 2,
  apiKey: 3,
  oauthId: 4,
  geoCountryIsoCode: 5,
  mcpJsonrpcMethod: 6,
  mcpPrimitiveType: 7,
  mcpPrimitiveName: 8,
  path: 9,
  code: 10,
  operation: 11,
  endpoint: 12,
};
/** Is always 0, and always 1. */
const NOTHING = 13;
export const ALWAYS = 14;
export const PLACE_COUNT = 15;
const ENDPOINT: readonly Source[] = ["apiId", "path"];
/** Are computed, not read. */
const COMPUTED: readonly Source[] = ["code", "operation"];

/** A dimension, by numbers. */
export interface Step {
  readonly id: number;
  readonly first: number;
  readonly second: number;
  readonly needs: number;
  /** Slot of the text that names its keys; -1: none. */
  readonly human: number;
  readonly graphErrors: boolean;
}

/** A text that each record is asked for. */
export interface Read {
  readonly place: number;
  readonly slot: number;
}

/** The texts that are read of a record for these dimensions, and these. */
export function textsOf(also: readonly Source[], dimensions: readonly Dimension[]): ReadonlySet<Source> {
  const sources = dimensions.flatMap(({ key }) =>
    key.flatMap((source) => (source === "endpoint" ? ENDPOINT : [source])),
  );
  return new Set([...also, ...sources.filter((source) => !COMPUTED.includes(source))]);
}

export function readsOf(texts: Iterable<Source>): Read[] {
  return Array.from(texts, (source) => ({ place: PLACES[source], slot: leafFor(source).slot }));
}

export function stepOf({ key, needs, human, graphErrors }: Dimension, id: number): Step {
  return {
    id,
    first: PLACES[key[0]],
    second: key[1] ? PLACES[key[1]] : NOTHING,
    needs: needs ? PLACES[needs] : ALWAYS,
    human: human ? leafFor(human).slot : -1,
    graphErrors: graphErrors ?? false,
  };
}

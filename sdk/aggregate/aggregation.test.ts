import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchOf, extracts, fullCorpora } from "../record/fixtures/index.ts";
import { createScanner, type RecordInput } from "../record/index.ts";
import type { AnalyticsRecord, Batch } from "../record/types.ts";
import { batch } from "../testing/index.ts";
import { type AggregateCounter, type AggregateRules, Aggregation } from "./index.ts";
import { combine } from "./testing/combine.ts";
import { type NaiveCounter, naive, nanoseconds } from "./testing/naive.ts";

/** The counters of an aggregation as the naive one has them. */
function plain(aggregation: Aggregation): Map<string, NaiveCounter> {
  const found = new Map<string, { head: Partial<NaiveCounter>; counter: AggregateCounter }>();
  for (const group of aggregation.results()) {
    const { org, api, bucket } = group;
    const day = aggregation.rules.daily ? bucket.text("YYYYMMDD") : "";
    for (const counter of group) {
      const { dimension, outer, key } = counter;
      const owner = aggregation.rules.kind === "rest" ? [org, ""] : ["", api];
      const name = JSON.stringify([...owner, bucket.seconds, day, dimension, outer, key]);
      const known = found.get(name);
      const head = { org, api, bucket: bucket.seconds, day };
      if (known) known.counter = combine(known.counter, counter);
      else found.set(name, { head, counter });
    }
  }
  return new Map(
    [...found].map(([name, { head, counter }]) => {
      const { id: _, errors, lastTime, ...rest } = counter;
      const codes = Object.fromEntries(errors.map(({ code, count }) => [code, count]));
      return [name, { ...head, ...rest, lastTime: nanoseconds(lastTime), errors: codes } as NaiveCounter];
    }),
  );
}

/** Colliding keys: which of two identifiers wins is not defined, nor is an organisation that shares an API. */
function comparable(counters: Map<string, NaiveCounter>, rules: AggregateRules): [string, object][] {
  const loose = rules.kind === "rest" ? {} : { org: "" };
  const entries = [...counters].map(([name, counter]): [string, object] => {
    const names = ["versions", "endpoints", "apiendpoints", "names"].includes(counter.dimension);
    return [name, { ...counter, ...loose, ...(names && { identifier: "", human: "" }) }];
  });
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

function same(records: Batch, rules: AggregateRules): void {
  const aggregation = new Aggregation(rules);
  // A first round leaves nothing behind.
  aggregation.add(records);
  aggregation.clear();
  const half = Math.floor(records.size / 2);
  const others = [records.slice(0, half), records.slice(half)].map((part) => aggregation.add(part)?.size ?? 0);
  const expected = naive(records, rules);
  expect(comparable(plain(aggregation), rules)).toEqual(comparable(expected, rules));
  const kinds = { graphql: (r: AnalyticsRecord) => r.isGraphql, mcp: (r: AnalyticsRecord) => r.isMcp };
  const wanted = rules.kind === "rest" ? null : kinds[rules.kind];
  if (wanted) expect(others[0]! + others[1]!).toBe([...records].filter((record) => !wanted(record)).length);
}

const word = fc.constantFrom(
  "",
  "a",
  "b",
  "a:b",
  "a.b",
  "x/y.z",
  "key-1",
  " t.a ",
  "ümlaut",
  "\u0085nel",
  "long ".repeat(20),
);
const number = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 1e9 }));
const START = Date.UTC(2026, 2, 14, 22, 58) / 1000;
const time = fc.record({
  seconds: fc.oneof(fc.integer({ min: START, max: START + 4000 }), fc.constant(-62135596800), fc.constant(-1)),
  nanos: fc.constantFrom(0, 1, 250_000_000, 999_999_999),
});

const record: fc.Arbitrary<RecordInput> = fc.record({
  responseCode: fc.constantFrom(-1, 0, 101, 200, 201, 204, 302, 399, 400, 404, 500, 503, 600, 1234),
  orgId: fc.constantFrom("", "org1", "org2", "org.3"),
  apiId: word,
  apiName: word,
  apiVersion: word,
  apiKey: word,
  alias: word,
  oauthId: word,
  path: word,
  geoCountryIsoCode: fc.constantFrom("", "DE", "GB"),
  tags: fc.array(word, { maxLength: 4 }),
  trackPath: fc.boolean(),
  timestamp: time,
  requestTime: number,
  latencyTotal: number,
  latencyUpstream: number,
  networkOpenConnections: number,
  networkClosedConnections: number,
  networkBytesIn: number,
  networkBytesOut: number,
  isGraphql: fc.boolean(),
  graphqlHasErrors: fc.boolean(),
  graphqlOperationType: fc.integer({ min: 0, max: 4 }),
  graphqlRootFields: fc.array(word, { maxLength: 3 }),
  graphqlTypes: fc.dictionary(word, fc.array(word, { maxLength: 3 }), { maxKeys: 3 }),
  isMcp: fc.boolean(),
  mcpJsonrpcMethod: word,
  mcpPrimitiveType: word,
  mcpPrimitiveName: word,
  zone: fc.constantFrom("UTC", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin"),
});

const rules: fc.Arbitrary<AggregateRules> = fc.record(
  {
    kind: fc.constantFrom("rest", "graphql", "mcp"),
    trackAllPaths: fc.boolean(),
    ignoreTagPrefixes: fc.array(fc.constantFrom("a", " t", "\u0085"), { maxLength: 2 }),
    ignore: fc.array(fc.constantFrom("apiid", "tags", "endpoints", "fields", "names"), { maxLength: 2 }),
    minutes: fc.constantFrom(1, 7, 30, 60),
    daily: fc.boolean(),
  },
  { requiredKeys: ["kind"] },
);

test("counts as the naive aggregation does, whatever the records", () => {
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 60 }),
      rules,
      fc.constantFrom("msgpack", "protobuf"),
      (list, how, wire) => {
        same(batch(list, { wire }), how);
      },
    ),
    { numRuns: 200 },
  );
});

describe.each([...extracts(), ...fullCorpora()].filter(({ wire }) => wire !== "uptime"))("corpus $name", (corpus) => {
  const records = batchOf(createScanner(), corpus).filter(
    ({ timestamp }) => timestamp.seconds >= -62135596800 && timestamp.seconds < 253402300800,
  );
  test.each(["rest", "graphql", "mcp"] as const)("%s", (kind) => {
    for (const trackAllPaths of [false, true]) same(records, { kind, trackAllPaths });
  });
});

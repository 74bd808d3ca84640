import { isDeepStrictEqual } from "node:util";
import { encode } from "@sluice/sdk";
import { Aggregation } from "@sluice/sdk/aggregate";
import {
  type AnalyticsRecord,
  BatchScope,
  compilePrepare,
  createScanner,
  encodeMsgpack,
  encodeProtobuf,
  encodeUptime,
  objectOf,
  pageOf,
  RecordBatch,
  type RecordInput,
  type RecordTable,
  schemaOf,
} from "@sluice/sdk/record";
import { NO_PREPARATION } from "@sluice/sdk/testing";
import fc from "fast-check";
import { extracts } from "../../sdk/record/fixtures/index.ts";
import type { Target } from "./harness.ts";
import { mutated } from "./mutate.ts";

type Encoder = ReturnType<typeof encode.json<AnalyticsRecord>>;
type Scanned = ReturnType<ReturnType<typeof createScanner>["scan"]>;
export type WireName = "msgpack" | "protobuf" | "uptime";

const LIMIT = 100_000;
const csv = encode.csv(schemaOf("analytics").leaves);
const copyText = encode.copyText(schemaOf("analytics").leaves);
const general = createScanner({ generate: false });
const ALL = [...schemaOf("analytics").leaves];
const RULES = {
  ...NO_PREPARATION,
  filters: { ...NO_PREPARATION.filters, skipOrgIds: ["none"] },
  trim: 100,
  ignore: ["api_key", "timestamp", "tags"],
  decodeRequest: true,
  decodeResponse: true,
};
const PREPARE = { analytics: compilePrepare(RULES, "analytics"), uptime: compilePrepare(RULES, "uptime") };

/** Whatever lies in the log: read by the generated code and the general scanner alike, or a dead letter; then counted and encoded. */
function recordTarget(wire: WireName): Target<{ records: Buffer[]; zone: string }> {
  const originals = originalsOf(wire);
  // One that has learned the usual shape, and keeps learning from what comes.
  const fast = createScanner();
  const json = encode.json<AnalyticsRecord>("record");
  fast.scan(pageOf(new Array(20).fill(originals[0]!), wire)).table.release();
  return {
    name: `records-${wire}`,
    share: 2,
    input: fc.record({
      records: fc.array(mutated(originals), { minLength: 1, maxLength: 5 }),
      // Another zone is slow to begin with: all that is known of it is asked for anew.
      zone: fc.oneof(
        { weight: 40, arbitrary: fc.constant("UTC") },
        { weight: 1, arbitrary: fc.constantFrom("Europe/Berlin", "Asia/Kolkata") },
      ),
    }),
    bytes: ({ records }) => Buffer.concat(records),
    run({ records, zone }) {
      process.env.TZ = zone;
      const seen = fast.scan(pageOf(records, wire));
      const slow = general.scan(pageOf(records, wire));
      same("what is unreadable", seen.unreadable, slow.unreadable);
      same("the slots", slotsOf(seen.table), slotsOf(slow.table));
      const found = records.map((_, row) => objectOf(seen.table, row));
      slow.table.release();
      const beside = general.scan(between(records, wire));
      same("what is unreadable with something beside it", beside.unreadable, seen.unreadable);
      same(
        "records with something beside them",
        records.map((_, row) => objectOf(beside.table, row)),
        found,
      );
      beside.table.release();
      work(seen, wire, json);
      seen.table.release();
    },
  };
}

/** What a sink may do with them. */
function work({ table, unreadable }: Scanned, wire: WireName, json: Encoder): void {
  const scope = new BatchScope();
  const { rows } = PREPARE[wire === "uptime" ? wire : "analytics"](table, unreadable);
  const part = { chunk: "c", from: 0, to: table.count, redelivered: false };
  const batch = RecordBatch.of<AnalyticsRecord>(
    [{ table, rows, start: 0, end: rows.length, part, firstIndex: 0 }],
    scope,
  );
  for (const { body } of json.pages(batch)) {
    for (const line of Buffer.from(body).toString().split("\n")) if (line !== "") JSON.parse(line);
  }
  if (wire !== "uptime") {
    for (const encoder of [csv, copyText]) for (const { body } of encoder.pages(batch)) atMost(body.length, LIMIT * 10);
    for (const record of batch) for (const leaf of ALL) void record.bytes(leaf);
    for (const kind of ["rest", "graphql", "mcp"] as const) {
      const aggregation = new Aggregation({ kind, trackAllPaths: true });
      aggregation.add(batch);
      for (const group of aggregation.results()) {
        for (const { hits, success, error } of group) {
          if (!(hits >= 0 && success + error <= hits)) throw new Error(`${hits} hits, ${success} good, ${error} bad`);
        }
      }
    }
  }
  scope.end();
}

/** Records of a gateway, and others. */
export function originalsOf(wire: WireName): Uint8Array[] {
  const recorded = extracts().filter((one) => one.wire === wire);
  return [...recorded.flatMap(({ records }) => records), ...odd(wire)];
}

/** What no gateway writes and a reader takes all the same, as a start for changes: small, so that these meet what is in there. */
function odd(wire: WireName): Uint8Array[] {
  if (wire === "uptime")
    return [{ url: "u", orgId: "o", responseCode: 200 }, {}, { timestamp: 1e12, expireAt: 1 }].map(encodeUptime);
  const encoded = wire === "msgpack" ? encodeMsgpack : encodeProtobuf;
  return ODD.map((record) => encoded(record));
}

const graph: RecordInput = { isGraphql: true, graphqlTypes: { T: ["x", ""], ["__proto__"]: ["y"], U: [] } };
const ODD: readonly RecordInput[] = [
  {},
  graph,
  {
    ...graph,
    graphqlErrors: [{ message: "m", path: ["a", 1, null] }],
    graphqlRootFields: ["r"],
    graphqlHasErrors: true,
  },
  { tags: ["a", "", "é".repeat(40)], orgId: "o" },
  { geoCityNames: { en: "x", de: "y" }, geoLocationLatitude: 1.5, geoCountryIsoCode: "GB" },
  { timestamp: 1e12, expireAt: { seconds: -1, nanos: 999_999_999 }, zone: "Europe/Berlin" },
  { rawRequest: "eA==", rawResponse: "?", responseCode: 404, requestTime: -1 },
  { isMcp: true, mcpJsonrpcMethod: "tools/call", mcpPrimitiveType: "tool", mcpPrimitiveName: "n" },
  { responseCode: -1, networkOpenConnections: 1, networkBytesIn: 2n ** 62n },
];

/** The same records with bytes before and between them: who reads past an end sees those. */
function between(records: readonly Uint8Array[], wire: WireName) {
  const filler = Buffer.alloc(16, 0xc6);
  const bytes = Buffer.concat(records.flatMap((record) => [filler, record]).concat(filler));
  const offsets = new Uint32Array(2 * records.length);
  let at = 0;
  for (const [i, { length }] of records.entries()) {
    offsets[2 * i] = at += filler.length;
    offsets[2 * i + 1] = at += length;
  }
  return { bytes, offsets, count: records.length, wire };
}

function slotsOf({ slots, count, stride }: RecordTable): Uint32Array {
  return slots.subarray(0, count * stride);
}

function same(what: string, a: unknown, b: unknown): void {
  if (!isDeepStrictEqual(a, b)) throw new Error(`${what} differ`);
}

function atMost(size: number, most: number): void {
  if (size > most) throw new Error(`${size} bytes came out of a few records`);
}

export const recordTargets = (["msgpack", "protobuf", "uptime"] as const).map(recordTarget);

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Prepare } from "../runtime/protocol.ts";
import { NO_PREPARATION as nothing } from "../testing/prepare.ts";
import { encodeMsgpack } from "./encode-msgpack.ts";
import { encodeProtobuf } from "./encode-protobuf.ts";
import { extracts } from "./fixtures/index.ts";
import { pageOf } from "./page.ts";
import { compilePrepare } from "./prepare.ts";
import { objectOf } from "./reader.ts";
import { createScanner } from "./scanner.ts";
import { decodeText } from "./text.ts";
import type { Wire } from "./types.ts";

process.env.TZ = "UTC";

function prepared(rules: Prepare, records: readonly Uint8Array[], wire: Wire) {
  const { table, unreadable } = createScanner().scan(pageOf(records, wire));
  return { table, ...compilePrepare(rules, "analytics")(table, unreadable) };
}

/** The rules as records.md has them, on plain objects. */
function model(rules: Prepare, object: { [name: string]: unknown }): { [name: string]: unknown } | null {
  const record = structuredClone(object);
  for (const name of ["raw_request", "raw_response"]) {
    if (rules.omit) record[name] = "";
    else if (rules.trim > 0) {
      record[name] = goText(Buffer.from(String(record[name])).subarray(0, rules.trim));
    }
  }
  const { filters } = rules;
  const [api, org, code] = [String(record.api_id), String(record.org_id), Number(record.response_code)];
  if (filters.skipApiIds.includes(api) || filters.skipOrgIds.includes(org)) return null;
  if (filters.skipResponseCodes.includes(code)) return null;
  if (filters.apiIds.length > 0 && !filters.apiIds.includes(api)) return null;
  if (filters.orgIds.length > 0 && !filters.orgIds.includes(org)) return null;
  if (filters.responseCodes.length > 0 && !filters.responseCodes.includes(code)) return null;
  const zero = objectOf(createScanner().scan(pageOf([Buffer.from([0x80])], "msgpack")).table, 0);
  for (const name of rules.ignore) if (name in record) record[name] = zero[name];
  if (rules.decodeRequest) record.raw_request = decoded(String(record.raw_request));
  if (rules.decodeResponse) record.raw_response = decoded(String(record.raw_response));
  return record;
}

/** As text() gives it: each invalid byte is one U+FFFD, where Node joins some. */
function goText(bytes: Buffer): string {
  return decodeText(bytes, 0, bytes.length);
}

function decoded(text: string): string {
  const packed = text.replace(/[\r\n]/g, "");
  const strict = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  return strict.test(packed) ? goText(Buffer.from(packed, "base64")) : text;
}

const ids = ["a", "b", "ab", "", "é"];
const codes = [200, 404, -1, 0];
const raw = fc.oneof(
  fc.string({ maxLength: 30 }).map((text) => Buffer.from(text).toString("base64")),
  fc.string({ maxLength: 20 }),
  fc.constantFrom(
    "QQ==",
    "QR==",
    "QUI=",
    "QUJD",
    "QUJ",
    "Q",
    "====",
    "QUJD\nQUJD",
    "QQ=\r\n=",
    "QQ==QQ==",
    "QUI=\n",
    "QQ==x",
  ),
);
const input = fc.record({
  apiId: fc.constantFrom(...ids),
  orgId: fc.constantFrom(...ids),
  responseCode: fc.constantFrom(...codes),
  rawRequest: raw,
  rawResponse: raw,
  alias: fc.string({ maxLength: 5 }),
  latencyTotal: fc.nat(9),
  tags: fc.constant(["x"]).map((tags) => [...tags]),
  timestamp: fc.nat(2e12),
});
const list = <T>(values: T[]) => fc.uniqueArray(fc.constantFrom(...values), { maxLength: 2 });
const many = (values: string[]) =>
  fc.boolean().map((long) => (long ? [...values.slice(0, 2), ...Array.from({ length: 12 }, (_, i) => `no${i}`)] : []));
const rules: fc.Arbitrary<Prepare> = fc.record({
  filters: fc.record({
    skipApiIds: list(ids),
    skipOrgIds: list(ids),
    skipResponseCodes: list(codes),
    apiIds: fc.oneof(list(ids), many(ids)),
    orgIds: list(ids),
    responseCodes: list(codes),
  }),
  omit: fc.boolean(),
  trim: fc.integer({ min: -3, max: 12 }),
  ignore: fc.subarray([
    "alias",
    "latency",
    "geo",
    "tags",
    "timestamp",
    "raw_request",
    "api_id",
    "expireAt",
    "nope",
    "-",
  ]),
  decodeRequest: fc.boolean(),
  decodeResponse: fc.boolean(),
});

test.for([
  ["msgpack", encodeMsgpack],
  ["protobuf", encodeProtobuf],
] as const)("does on %s what the rules say", ([wire, write]) => {
  fc.assert(
    fc.property(rules, fc.array(input, { maxLength: 5 }), (rule, inputs) => {
      const records = inputs.map((record) => write(record));
      const plain = prepared(nothing, records, wire);
      const wanted = inputs
        .map((_, row) => model(rule, objectOf(plain.table, row)))
        .filter((object) => object !== null);
      const { table, rows, filtered } = prepared(rule, records, wire);
      expect([...rows].map((row) => objectOf(table, row))).toEqual(wanted);
      expect(filtered).toBe(inputs.length - wanted.length);
    }),
    { numRuns: 500 },
  );
});

test("names what it cannot ignore, and leaves out unreadable records without counting them as filtered", () => {
  const { table, unreadable } = createScanner().scan(pageOf([Buffer.from([0x80]), Buffer.from([1])], "msgpack"));
  const prepare = compilePrepare({ ...nothing, ignore: ["nope", "-", "alias", "nope"] }, "analytics");
  expect(prepare.unknown).toEqual(["nope"]);
  expect(prepare(table, unreadable)).toEqual({ rows: Uint32Array.of(0), filtered: 0 });
});

test("passes uptime records through", () => {
  const { records } = extracts().find(({ name }) => name === "Auptime")!;
  const { table, unreadable } = createScanner().scan(pageOf(records, "uptime"));
  const rule = { ...nothing, filters: { ...nothing.filters, apiIds: ["none"] }, ignore: ["api_id"] };
  expect(compilePrepare(rule, "uptime")(table, unreadable).rows).toHaveLength(records.length);
});

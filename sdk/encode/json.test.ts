import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeMsgpack } from "../record/encode-msgpack.ts";
import { F } from "../record/fields.ts";
import { batchOf } from "../record/fixtures/index.ts";
import type { RecordInput } from "../record/input.ts";
import { createScanner } from "../record/scanner.ts";
import type { AnalyticsRecord } from "../record/types.ts";
import { encode } from "./index.ts";

process.env.TZ = "UTC";
const scanner = createScanner();

function batch(...inputs: RecordInput[]) {
  return batchOf(scanner, { records: inputs.map((input) => encodeMsgpack(input)), wire: "msgpack" });
}

function text(pages: Iterable<{ body: Uint8Array }>): string {
  return [...pages].map(({ body }) => Buffer.from(body).toString()).join("");
}

test("writes the zero record with all its fields", () => {
  expect(text(encode.json("record").pages(batch({})))).toBe(
    '{"method":"","host":"","path":"","raw_path":"","content_length":0,"user_agent":"","day":0,"month":0,"year":0,"hour":0,"response_code":0,"api_key":"","timestamp":"0001-01-01T00:00:00Z","api_version":"","api_name":"","api_id":"","org_id":"","oauth_id":"","request_time":0,"raw_request":"","raw_response":"","ip_address":"","geo":{"country":{"iso_code":""},"city":{"geoname_id":0,"names":null},"location":{"latitude":0,"longitude":0,"time_zone":""}},"network":{"open_connections":0,"closed_connections":0,"bytes_in":0,"bytes_out":0},"latency":{"total":0,"upstream":0,"gateway":0},"tags":null,"alias":"","track_path":false,"expireAt":"0001-01-01T00:00:00Z","api_schema":"","original_path":"","listen_path":"","graphql_stats":{"Variables":"","RootFields":null,"Types":null,"Errors":null,"OperationType":0,"HasErrors":false,"IsGraphQL":false},"mcp_stats":{"is_mcp":false,"jsonrpc_method":"","primitive_type":"","primitive_name":""}}\n',
  );
});

test("escapes as encoding/json does", () => {
  const shape = encode.json({ p: F.path });
  const json = (path: string | Uint8Array) => text(shape.pages(batch({ path }))).slice(5, -2);
  expect(json('a"b\\c<d>e&f\n\r\t\b\f\u0001\u007f\u2028\u2029é😀')).toBe(
    '"a\\"b\\\\c\\u003cd\\u003ee\\u0026f\\n\\r\\t\\b\\f\\u0001\u007f\\u2028\\u2029é😀"',
  );
  // One for each bad byte: a lone continuation, a cut sequence, a surrogate, an overlong form.
  expect(json(Buffer.from([0x41, 0x80, 0xe2, 0x82, 0x42, 0xed, 0xa0, 0x80, 0xc0, 0xaf]))).toBe(
    `"A\\ufffd${"\\ufffd\\ufffd"}B${"\\ufffd".repeat(5)}"`,
  );
  expect(json("\ufffd")).toBe('"\ufffd"');
});

test("writes texts that JSON.parse reads back", () => {
  const any = fc.oneof(fc.string({ unit: "grapheme", maxLength: 50 }), fc.string({ unit: "binary", maxLength: 40 }));
  fc.assert(
    fc.property(
      fc.array(any, { minLength: 1, maxLength: 5 }),
      fc.dictionary(any, any, { noNullPrototype: true }),
      (texts, names) => {
        const [path, ...tags] = texts;
        const shape = encode.json({ path: F.path, tags: F.tags, names: F.geoCityNames });
        const object = JSON.parse(text(shape.pages(batch({ path: path!, tags, geoCityNames: names }))));
        // Lone surrogates are no text: UTF-8 has none.
        const clean = (value: string) => value.toWellFormed();
        expect(object.path).toBe(clean(path!));
        expect(object.tags).toEqual(tags.map(clean));
        expect(Object.keys(object.names)).toHaveLength(new Set(Object.keys(names).map(clean)).size);
      },
    ),
    { numRuns: 500 },
  );
});

test("writes numbers exactly, and what is no finite number as null", () => {
  const shape = encode.json({ n: F.requestTime, f: F.geoLocationLatitude });
  const json = (n: bigint, f: number) => text(shape.pages(batch({ requestTime: n, geoLocationLatitude: f }))).trim();
  expect(json(2n ** 63n - 1n, 1e21)).toBe('{"n":9223372036854775807,"f":1e+21}');
  expect(json(-(2n ** 63n), 1e-7)).toBe('{"n":-9223372036854775808,"f":1e-7}');
  expect(json(0n, Number.NaN)).toBe('{"n":0,"f":null}');
  expect(json(0n, Number.NEGATIVE_INFINITY)).toBe('{"n":0,"f":null}');
  expect(json(-1n, -0)).toBe('{"n":-1,"f":-0}');
  expect(json(1n, 56.772400000000005)).toBe('{"n":1,"f":56.772400000000005}');
});

test("shapes take fields, constants and functions, joined as asked", () => {
  const records = batch({ path: "/a", trackPath: true }, { path: "/b<" }, { path: "/c" });
  const shape = {
    path: F.path,
    "odd<name": F.trackPath,
    one: 1,
    none: null,
    list: F.tags,
    made: (record: AnalyticsRecord) => ({ up: record.path.toUpperCase() }),
    nothing: () => undefined,
  };
  const a = '{"path":"/a","odd\\u003cname":true,"one":1,"none":null,"list":null,"made":{"up":"/A"},"nothing":null}';
  const b = a.replace("/a", "/b\\u003c").replace("true", "false").replace("/A", "/B\\u003c");
  const c = a.replace("/a", "/c").replace("true", "false").replace("/A", "/C");
  expect(text(encode.json(shape).pages(records))).toBe(`${a}\n${b}\n${c}\n`);
  expect(text(encode.json(shape, { join: "concat" }).pages(records))).toBe(a + b + c);
  expect(text(encode.json(shape, { join: "array" }).pages(records))).toBe(`[${a},${b},${c}]`);
  expect(text(encode.json(shape, { join: "array" }).pages(records, { records: 2 }))).toBe(`[${a},${b}][${c}]`);
  const before = (record: AnalyticsRecord) => `{"index":{"_id":"${record.id}"}}\n`;
  expect(text(encode.json(shape, { before }).pages(records.slice(1, 2)))).toBe(`{"index":{"_id":"c.1"}}\n${b}\n`);
  expect(text(encode.json({}).pages(records.slice(0, 1)))).toBe("{}\n");
  expect(() => encode.json({ x: { name: "nope", kind: "text" } })).toThrow(/nope/);
});

test("keeps an array page within its bytes", () => {
  const records = batch(...Array.from({ length: 9 }, () => ({ path: "/1234" })));
  const pages = [...encode.json({ p: F.path }, { join: "array" }).pages(records, { bytes: 32 })];
  for (const { body, ends, batch } of pages) {
    expect(body.length).toBeLessThanOrEqual(32);
    expect(JSON.parse(Buffer.from(body).toString())).toHaveLength(batch.size);
    expect(ends).toHaveLength(batch.size);
  }
  expect(pages.reduce((sum, { batch }) => sum + batch.size, 0)).toBe(9);
});

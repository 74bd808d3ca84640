import { batch } from "@sluice/sdk/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { F } from "../record/fields.ts";
import type { RecordInput } from "../record/input.ts";
import { encode, type SqlColumn } from "./index.ts";

const FIELDS = Object.values(F);
const NOON = Date.UTC(2024, 2, 5, 12, 30, 15, 123);

/** COPY's text format, as PostgreSQL reads it: null is `\N`. */
function parseCopy(text: string): (string | null)[][] {
  expect(text.endsWith("\n")).toBe(true);
  const plainOf = (field: string) =>
    field === "\\N"
      ? null
      : field.replace(/\\(.)/gs, (_, char: string) => ({ t: "\t", n: "\n", r: "\r" })[char] ?? char);
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => line.split("\t").map(plainOf));
}

/** MySQL's literals in parentheses. */
function parseValues(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  const literal = /'((?:[^'\\]|''|\\.)*)'|([^,()']+)/gsy;
  for (let at = 0; at < text.length; ) {
    expect(text[at]).toBe("(");
    const row: (string | null)[] = [];
    do {
      literal.lastIndex = at + 1;
      const match = literal.exec(text)!;
      const [, quoted, plain] = match;
      if (plain !== undefined) row.push(plain === "NULL" ? null : plain);
      else
        row.push(
          quoted!.replace(/''|\\(.)/gs, (two, char: string) => (two === "''" ? "'" : char === "0" ? "\0" : char)),
        );
      at = literal.lastIndex;
    } while (text[at] === ",");
    expect(text[at]).toBe(")");
    rows.push(row);
    at += text[at + 1] === "," ? 2 : 1;
  }
  return rows;
}

const textOf = (
  encoder: ReturnType<typeof encode.copyText>,
  records: readonly RecordInput[],
  wire: "msgpack" | "protobuf" = "msgpack",
) => Array.from(encoder.pages(batch(records, { wire })), ({ body }) => Buffer.from(body).toString()).join("");
const copied = (columns: readonly SqlColumn[], records: readonly RecordInput[], wire?: "protobuf") =>
  parseCopy(textOf(encode.copyText(columns), records, wire));

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("\t", "\n", "\r", "\\", "'", '"', "N", "x", "ü", "\u2028") }),
  fc.string({ unit: "grapheme", minLength: 1400, maxLength: 1700 }),
);
const input = fc.record(
  {
    path: text,
    alias: text,
    apiKey: text,
    requestTime: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    geoLocationLatitude: fc.oneof(
      fc.double(),
      fc.integer({ min: -1_800_000, max: 1_800_000 }).map((n) => n / 1e4),
    ),
    trackPath: fc.boolean(),
    tags: fc.array(text, { maxLength: 3 }),
    geoCityNames: fc.dictionary(text, text, { maxKeys: 3 }),
    graphqlTypes: fc.dictionary(text, fc.array(text, { maxLength: 2 }), { maxKeys: 2 }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<RecordInput>;

describe("rows", () => {
  test("are the same as COPY text, as literals and as values, whatever is in them", () => {
    fc.assert(
      fc.property(fc.array(input, { minLength: 1, maxLength: 3 }), (inputs) => {
        const records = inputs.map((one) => ({ timestamp: NOON, ...one }));
        const rows = Array.from(encode.sqlRows(FIELDS).rows(batch(records)), (row) => row.map(String));
        expect(copied(FIELDS, records)).toEqual(rows.map((row) => row.map((value) => value.replaceAll("\0", ""))));
        expect(parseValues(textOf(encode.sqlValues(FIELDS), records))).toEqual(rows);
      }),
      { numRuns: 100 },
    );
  });

  test("of the zero record have no null", () => {
    for (const wire of [undefined, "protobuf"] as const) {
      const [row] = copied(FIELDS, [{}], wire);
      const by = Object.fromEntries(FIELDS.map(({ name }, i) => [name, row![i]]));
      expect(by).toMatchObject({
        method: "",
        month: "0",
        tags: "[]",
        "geo.city.names": "{}",
        "graphql_stats.Types": "{}",
        "graphql_stats.Errors": "[]",
        track_path: "0",
        "geo.location.latitude": "0",
        timestamp: "0001-01-01 00:00:00+00",
      });
    }
  });

  test("have times in UTC, cut to microseconds, or in the zone that is asked for", () => {
    const at = { seconds: NOON / 1000 - 0.123, nanos: 123_456_789 };
    const [[utc]] = copied([F.timestamp], [{ timestamp: at }]) as [[string]];
    expect(utc).toBe("2024-03-05 12:30:15.123456+00");
    const zoned = (zone: string, offset: string) =>
      textOf(encode.copyText([F.timestamp], { zone, offset }), [{ timestamp: at }]);
    expect(zoned("Asia/Kolkata", "")).toBe("2024-03-05 18:00:15.123456\n");
    expect(() => encode.copyText([F.timestamp], { zone: "Nowhere/Land" })).toThrow(/Nowhere\/Land/);
    const zero = encode.copyText([F.timestamp, F.expireAt], { zero: "0000-00-00" });
    expect(textOf(zero, [{ timestamp: at }])).toBe("2024-03-05 12:30:15.123456+00\t0000-00-00\n");
  });

  test("have years before 1 and after 9999 as PostgreSQL has them", () => {
    const years = [-62_135_596_801, -62_198_755_200, 253_402_300_800].map((seconds) => ({
      timestamp: { seconds, nanos: 0 },
    }));
    expect(copied([F.timestamp], years).flat()).toEqual([
      "0001-12-31 23:59:59+00 BC",
      "0002-01-01 00:00:00+00 BC",
      "10000-01-01 00:00:00+00",
    ]);
  });

  test("have what functions make of a record, nulls too", () => {
    const columns: SqlColumn[] = [
      () => null,
      () => "\\N\t'",
      () => 1.5,
      () => true,
      ({ path }) => path.repeat(20_000),
      F.method,
    ];
    const expected = [null, "\\N\t'", "1.5", "1", "/ü".repeat(20_000), "GET"];
    expect(copied(columns, [{ path: "/ü", method: "GET" }])).toEqual([expected]);
    expect(parseValues(textOf(encode.sqlValues(columns), [{ path: "/ü", method: "GET" }]))).toEqual([expected]);
    const [row] = Array.from(encode.sqlRows(columns).rows(batch([{ path: "/ü", method: "GET" }])), (one) => [...one]);
    expect(row).toEqual([null, "\\N\t'", 1.5, 1, "/ü".repeat(20_000), "GET"]);
  });

  test("have U+FFFD for each byte that is not UTF-8", () => {
    const path = Buffer.from([0x61, 0xff, 0xc3, 0xe2, 0x82, 0x7a]);
    expect(copied([F.path], [{ path }])).toEqual([["a\ufffd\ufffd\ufffd\ufffdz"]]);
    const long = Buffer.concat([Buffer.alloc(3000, "x"), path]);
    expect(copied([F.path], [{ path: long }])).toEqual([[`${"x".repeat(3000)}a\ufffd\ufffd\ufffd\ufffdz`]]);
  });

  test("have unsigned numbers and names for what is no finite one", () => {
    const records = [
      {
        geoCityGeonameId: 2n ** 64n - 1n,
        geoLocationLatitude: Number.NEGATIVE_INFINITY,
        geoLocationLongitude: Number.NaN,
      },
    ];
    const columns = [F.geoCityGeonameId, F.geoLocationLatitude, F.geoLocationLongitude];
    expect(copied(columns, records)).toEqual([["18446744073709551615", "-Infinity", "NaN"]]);
    expect(textOf(encode.sqlValues(columns), records)).toBe("(18446744073709551615,'-Infinity','NaN')");
  });

  test("come in pages of so many rows or bytes", () => {
    const records = Array.from({ length: 10 }, (_, i) => ({ path: `/${i}` }));
    const sizes = (limit: object) =>
      Array.from(encode.sqlValues([F.path]).pages(batch(records), limit), ({ body }) => Buffer.from(body).toString());
    expect(sizes({ records: 4 })).toEqual([
      "('/0'),('/1'),('/2'),('/3')",
      "('/4'),('/5'),('/6'),('/7')",
      "('/8'),('/9')",
    ]);
    expect(sizes({ bytes: 13 })).toEqual([
      "('/0'),('/1')",
      "('/2'),('/3')",
      "('/4'),('/5')",
      "('/6'),('/7')",
      "('/8'),('/9')",
    ]);
  });
});

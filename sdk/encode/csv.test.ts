import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { encodeMsgpack } from "../record/encode-msgpack.ts";
import { encodeProtobuf } from "../record/encode-protobuf.ts";
import { analyticsSchema, F } from "../record/fields.ts";
import { batchOf, fullCorpora, recordings } from "../record/fixtures/index.ts";
import type { RecordInput } from "../record/input.ts";
import { createScanner } from "../record/scanner.ts";
import type { CsvColumn, CsvOptions } from "./csv.ts";
import { encode } from "./index.ts";

process.env.TZ = "UTC";
afterEach(() => {
  process.env.TZ = "UTC";
});

const columns = analyticsSchema.leaves.slice(0, 42);
const scanner = createScanner();

function rows(inputs: readonly RecordInput[], chosen: readonly CsvColumn[] = columns, options?: CsvOptions): string {
  const batch = batchOf(scanner, { records: inputs.map((input) => encodeMsgpack(input)), wire: "msgpack" });
  return [...encode.csv(chosen, options).pages(batch)].map(({ body }) => Buffer.from(body).toString("latin1")).join("");
}

test("writes the zero record as the reference does, on both wires", () => {
  const zero =
    ",,,,0,,0,%!Month(0),0,0,0,,0001-01-01 00:00:00 +0000 UTC,,,,,,0,,,,,0,,0,0,,0,0,0,0,0,0,0,,,false,0001-01-01 00:00:00 +0000 UTC,,,\n";
  expect(rows([{}])).toBe(zero);
  const batch = batchOf(scanner, { records: [encodeProtobuf({})], wire: "protobuf" });
  expect(Buffer.from([...encode.csv(columns).pages(batch)][0]!.body).toString()).toBe(zero);
});

test("writes the reference's sample", () => {
  const sample: RecordInput = {
    method: "GET",
    apiName: "Orders, EU",
    month: 5,
    contentLength: -1,
    responseCode: -1,
    timestamp: { seconds: 1714555815, nanos: 123456789 },
    geoCityNames: { fr: "Paris", en: "Paris" },
    geoLocationLatitude: 48.8566,
    geoLocationLongitude: -74.5,
    latencyTotal: -12,
    tags: ["key-00000000", "org-org1"],
  };
  const chosen = [
    F.method,
    F.apiName,
    F.month,
    F.contentLength,
    F.timestamp,
    F.geoCityNames,
    F.geoLocationLatitude,
    F.geoLocationLongitude,
    F.latencyTotal,
    F.tags,
  ];
  expect(rows([sample], chosen)).toBe(
    'GET,"Orders, EU",May,18446744073709551615,2024-05-01 09:30:15.123456789 +0000 UTC,en:Paris;fr:Paris,48,18446744073709551542,-12,key-00000000;org-org1\n',
  );
  expect(rows([sample], chosen, { plain: true })).toBe(
    'GET,"Orders, EU",5,-1,2024-05-01 09:30:15.123456789 +0000 UTC,en:Paris;fr:Paris,48.8566,-74.5,-12,key-00000000;org-org1\n',
  );
});

test("cuts coordinates as amd64 does", () => {
  const cut = (value: number) => rows([{ geoLocationLatitude: value }], [F.geoLocationLatitude]).trim();
  expect(cut(-0.25)).toBe("0");
  expect(cut(Number.POSITIVE_INFINITY)).toBe("9223372036854775808");
  expect(cut(Number.NEGATIVE_INFINITY)).toBe("9223372036854775808");
  expect(cut(Number.NaN)).toBe("9223372036854775808");
  expect(cut(2 ** 63)).toBe("9223372036854775808");
  expect(cut(2 ** 64)).toBe("9223372036854775808");
  expect(cut(2 ** 64 - 2048)).toBe("18446744073709549568");
  expect(cut(-1e12)).toBe("18446743073709551616");
  expect(cut(-(2 ** 53) - 2)).toBe("18437736874454810622");
  expect(cut(1e15)).toBe("1000000000000000");
});

test("quotes as encoding/csv does", () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'ab ,"\r\n\t\\.-(\u00a0\u0085\u2003\u3000é😀\0\v'), maxLength: 12 }),
    fc.string({ unit: "grapheme", maxLength: 60 }),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), (texts) => {
      const got = Buffer.from(
        rows(
          texts.map((path) => ({ path })),
          [F.path],
        ),
        "latin1",
      ).toString();
      expect(got).toBe(texts.map((path) => `${quoted(path)}\n`).join(""));
      const tags = Buffer.from(rows([{ tags: texts }], [F.tags]), "latin1").toString();
      expect(tags).toBe(`${quoted(texts.join(";"))}\n`);
    }),
    { numRuns: 1000 },
  );
});

function quoted(text: string): string {
  const first = /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
  if (text !== "\\." && !/[,"\r\n]/.test(text) && !first.test(text)) return text;
  return `"${text.replaceAll('"', '""')}"`;
}

test("leaves bytes as they are", () => {
  const bytes = Buffer.from("ff,fe80c3", "latin1");
  const path = Buffer.from([0xff, 0x2c, 0x80, 0xc3, 0x41]);
  expect(rows([{ path, host: bytes }], [F.path, F.host])).toBe(`"${path.toString("latin1")}","ff,fe80c3"\n`);
});

test("writes all integers", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -300n, max: 300n })),
      (n) => {
        const chosen = [F.requestTime, F.latencyTotal];
        expect(rows([{ requestTime: n, latencyTotal: n }], chosen)).toBe(`${BigInt.asUintN(64, n)},${n}\n`);
        const batch = batchOf(scanner, {
          records: [encodeProtobuf({ requestTime: n, latencyTotal: n })],
          wire: "protobuf",
        });
        const [page] = [...encode.csv(chosen).pages(batch)];
        expect(Buffer.from(page!.body).toString()).toBe(`${BigInt.asUintN(64, n)},${n}\n`);
      },
    ),
    { numRuns: 1000 },
  );
});

test("takes functions, and any column any number of times", () => {
  const path = `/${"x,".repeat(3000)}`;
  const chosen = [...Array.from({ length: 30 }, () => F.path), (record: { path: string }) => `${record.path}\u20ac`];
  const one = `"${path}"`;
  expect(rows([{ path }, { path: "" }], chosen as CsvColumn[])).toBe(
    `${`${one},`.repeat(30)}"${path}${Buffer.from("\u20ac").toString("latin1")}"\n${",".repeat(30)}${Buffer.from("\u20ac").toString("latin1")}\n`,
  );
});

test("cuts pages, and lets a record that is too big come alone", () => {
  const inputs = [5, 5, 5, 100, 5, 5].map((size) => ({ path: "p".repeat(size) }));
  const batch = batchOf(scanner, { records: inputs.map((input) => encodeMsgpack(input)), wire: "msgpack" });
  const pages = [...encode.csv([F.path]).pages(batch, { bytes: 13, records: 2 })];
  expect(pages.map((page) => page.batch.size)).toEqual([2, 1, 1, 2]);
  expect(pages.map((page) => [...page.ends])).toEqual([[6, 12], [6], [101], [6, 12]]);
  expect(pages.map((page) => page.batch.at(0).ref)).toEqual([0, 2, 3, 4]);
  // Each page keeps its bytes until the call settles.
  expect(pages.map((page) => Buffer.from(page.body).toString()).join("")).toBe(
    inputs.map(({ path }) => `${path}\n`).join(""),
  );
});

const cases: [corpus: string, records: number, folder: string, tz: string][] = [
  ["A", 2000, "A/csv", "UTC"],
  ["A", 300, "A/tz-kolkata-csv", "Asia/Kolkata"],
  ["Anasty", 300, "Anasty/csv", "UTC"],
  ["Apb", 300, "A/pb/csv", "UTC"],
];
for (const [name, count, folder, tz] of recordings ? cases : []) {
  test(`the recording ${folder} comes out byte for byte`, () => {
    process.env.TZ = tz;
    const csv = gunzipSync(readFileSync(`${recordings}/${folder}/out.csv.gz`));
    const { records, wire } = fullCorpora().find((corpus) => corpus.name === name)!;
    const batch = batchOf(scanner, { records: records.slice(0, count), wire });
    const bodies = [...encode.csv(columns).pages(batch, { bytes: 100_000 })].map(({ body }) => body);
    expect(Buffer.concat(bodies).equals(csv.subarray(csv.indexOf("\n") + 1))).toBe(true);
  });
}

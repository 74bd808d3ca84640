import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encode } from "../encode/index.ts";
import { RecordBatch } from "./batch.ts";
import { encodeMsgpack, encodeUptime } from "./encode-msgpack.ts";
import { encodeProtobuf } from "./encode-protobuf.ts";
import { analyticsSchema } from "./fields.ts";
import { extracts } from "./fixtures/index.ts";
import { msgpackPopulated, msgpackZero } from "./fixtures/vectors.ts";
import { pageOf } from "./page.ts";
import { objectOf, textsMapOf } from "./reader.ts";
import { MsgpackScanner } from "./scan-msgpack.ts";
import { createScanner } from "./scanner.ts";
import { BatchScope } from "./scope.ts";
import type { RecordTable } from "./table.ts";
import type { Wire } from "./types.ts";

process.env.TZ = "UTC";

const [A, Apb, Anasty, Auptime] = extracts();

/** A scanner that has learned the usual shapes, so that its generated code is what is tested. */
const learned = createScanner();
for (const { records, wire } of [A!, Auptime!]) {
  const often = Array.from({ length: 20 }, () => records[0]!);
  learned.scan(pageOf(often, wire)).table.release();
}
const general = createScanner({ generate: false });

interface Verdict {
  slots: Uint32Array;
  unreadable: { row: number; reason: string }[];
  table: RecordTable;
}

function scan(scanner: typeof general, records: readonly Uint8Array[], wire: Wire): Verdict {
  const { table, unreadable } = scanner.scan(pageOf(records, wire));
  return { slots: table.slots.slice(0, table.count * table.stride), unreadable, table };
}

/** The original, changed at random: bytes set, pieces cut out or doubled, the end cut off. */
const edit = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom("set", "cut", "repeat", "end"),
  byte: fc.oneof(
    fc.nat(255),
    fc.constantFrom(0x80, 0x90, 0xa0, 0xc0, 0xc1, 0xc2, 0xcb, 0xcf, 0xd3, 0xd9, 0xdb, 0xdd, 0xdf, 0xff),
  ),
  size: fc.nat(40),
});

function change(
  original: Uint8Array,
  edits: readonly { at: number; kind: string; byte: number; size: number }[],
): Uint8Array {
  let bytes = Buffer.from(original);
  for (const { at, kind, byte, size } of edits) {
    const p = bytes.length === 0 ? 0 : at % bytes.length;
    if (kind === "set") bytes[p] = byte;
    else if (kind === "end") bytes = bytes.subarray(0, p);
    else {
      const piece = bytes.subarray(p, p + size);
      const rest = bytes.subarray(kind === "cut" ? p + size : p);
      bytes = Buffer.concat([bytes.subarray(0, p), kind === "cut" ? Buffer.alloc(0) : piece, rest]);
    }
  }
  return bytes;
}

function hostile(originals: readonly Uint8Array[]) {
  const changed = fc
    .tuple(fc.constantFrom(...originals), fc.array(edit, { maxLength: 4 }))
    .map(([original, edits]) => change(original, edits));
  return fc.array(fc.oneof({ weight: 5, arbitrary: changed }, fc.uint8Array({ maxLength: 80 })), {
    minLength: 1,
    maxLength: 6,
  });
}

const runs = { numRuns: 400 };

describe.for<[Wire, readonly Uint8Array[]]>([
  ["msgpack", [...A!.records, ...Anasty!.records, msgpackPopulated, msgpackZero]],
  ["uptime", Auptime!.records],
  ["protobuf", Apb!.records],
])("hostile %s records", ([wire, originals]) => {
  test("generated code and the general scanner are of one opinion", () => {
    fc.assert(
      fc.property(hostile(originals), (records) => {
        const fast = scan(learned, records, wire);
        const slow = scan(general, records, wire);
        expect(fast.unreadable).toEqual(slow.unreadable);
        expect(fast.slots).toEqual(slow.slots);
      }),
      runs,
    );
  });

  test("all that a scanner lets through can be read and encoded", () => {
    const json = encode.json("record");
    fc.assert(
      fc.property(hostile(originals), (records) => {
        const { table } = scan(learned, records, wire);
        const scope = new BatchScope();
        const rows = Uint32Array.from(records, (_, i) => i);
        const part = { chunk: "c", from: 0, to: records.length, redelivered: false };
        const batch = RecordBatch.of([{ table, rows, start: 0, end: rows.length, part, firstIndex: 0 }], scope);
        for (let row = 0; row < records.length; row++) objectOf(table, row);
        const [page] = [...json.pages(batch)];
        for (const line of Buffer.from(page!.body).toString().trimEnd().split("\n")) JSON.parse(line);
        if (wire !== "uptime") for (const csv of encode.csv(analyticsSchema.leaves).pages(batch)) void csv.body;
        scope.end();
        table.release();
      }),
      runs,
    );
  });

  test("what lies beside a record changes nothing", () => {
    fc.assert(
      fc.property(hostile(originals), fc.nat(255), (records, filler) => {
        const record = records[0]!;
        const beside = new Uint8Array(32).fill(filler);
        const alone = scan(learned, [record], wire);
        const bytes = Buffer.concat([beside, record, beside]);
        const offsets = Uint32Array.of(32, 32 + record.length);
        const { table, unreadable } = learned.scan({ bytes, offsets, count: 1, wire });
        expect(unreadable).toEqual(alone.unreadable);
        expect(objectOf(table, 0)).toEqual(objectOf(alone.table, 0));
      }),
      runs,
    );
  });
});

test("written records are read back, on both wires", () => {
  const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "grapheme", maxLength: 300 }));
  const int = fc.maxSafeInteger();
  const record = fc.record(
    {
      path: text,
      apiKey: text,
      contentLength: int,
      responseCode: fc.integer({ min: -1000, max: 1000 }),
      requestTime: int,
      geoLocationLatitude: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
      geoCityGeonameId: fc.nat(2 ** 31),
      tags: fc.array(text, { minLength: 1, maxLength: 20 }),
      trackPath: fc.boolean(),
      isGraphql: fc.constant(true),
      graphqlTypes: fc.dictionary(fc.string({ minLength: 1 }), fc.array(text, { minLength: 1 }), { minKeys: 1 }),
      timestamp: fc.record({ seconds: fc.integer({ min: -6e10, max: 2e11 }), nanos: fc.nat(999_999_999) }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(record, (input) => {
      for (const [write, wire] of [
        [encodeMsgpack, "msgpack"],
        [encodeProtobuf, "protobuf"],
      ] as const) {
        const { table, unreadable } = scan(learned, [write(input)], wire);
        expect(unreadable).toEqual([]);
        const object = objectOf(table, 0);
        expect(object).toMatchObject({
          path: input.path,
          api_key: input.apiKey,
          content_length: input.contentLength,
          response_code: input.responseCode,
          request_time: input.requestTime,
          tags: input.tags,
          track_path: input.trackPath,
          geo: { location: { latitude: input.geoLocationLatitude }, city: { geoname_id: input.geoCityGeonameId } },
        });
        expect(object.graphql_stats).toHaveProperty("Types", input.graphqlTypes);
        table.release();
      }
    }),
    { numRuns: 300 },
  );
});

test("reasons name the field and the offset", () => {
  const wrong = Buffer.from(msgpackPopulated);
  const at = wrong.indexOf("TotalMOD".slice(0, 5)) + 5;
  wrong[at] = 0xcb;
  const { unreadable } = scan(general, [wrong, Buffer.alloc(0), Buffer.from("{}")], "msgpack");
  expect(unreadable.map(({ reason }) => reason)).toEqual([
    `Latency.Total: code cb is not an integer at byte ${at}`,
    "record: ends too early at byte 0",
    "record: code 7b is not a map at byte 0",
  ]);
});

test("keeps to the reference's rules on odd values", () => {
  const record = (key: string, ...value: number[]) =>
    Buffer.concat([Buffer.from([0x81, 0xa0 | key.length]), Buffer.from(key), Buffer.from(value)]);
  const ok = (bytes: Buffer) => scan(general, [bytes], "msgpack").unreadable.length === 0;
  expect(ok(Buffer.from([0xc0]))).toBe(true);
  expect(ok(Buffer.from([0x80, 0xff, 0xff]))).toBe(true); // trailing bytes
  expect(ok(record("Path", 0xc4, 1, 65))).toBe(true); // binary text
  expect(ok(record("Path", 0xc0))).toBe(true);
  expect(ok(record("Path", 1))).toBe(false);
  expect(ok(record("Day", 0xca, 0, 0, 0, 0))).toBe(false); // floats are no integers
  expect(ok(record("TrackPath", 0xc0))).toBe(false);
  expect(ok(record("TimeStamp", 0xc0))).toBe(false);
  expect(ok(record("TimeStamp", 0xd6, 0xff, 0, 0, 0, 0))).toBe(false);
  expect(ok(record("TimeStamp", 0x92, 1, 2))).toBe(true);
  expect(ok(record("Geo", 0xc0))).toBe(true);
  expect(ok(record("path", 1))).toBe(true); // keys are case-sensitive: an unknown one
  expect(ok(record("other", 0xd4, 1, 2))).toBe(true); // an extension
  expect(ok(record("other", 0xc1))).toBe(false);
  expect(ok(record("other", ...new Array(60).fill(0x91), 1))).toBe(true);
  expect(ok(record("other", ...new Array(100_000).fill(0x91), 1))).toBe(false);
});

test("learns a shape with unknown keys and fewer fields, and other shapes beside it", () => {
  const older = Buffer.concat([
    Buffer.from([0x83, 0xa4]),
    Buffer.from("Path"),
    Buffer.from([0xa2]),
    Buffer.from("/x"),
    Buffer.from([0xa3]),
    Buffer.from("New"),
    Buffer.from([0x92, 1, 0xa1, 65, 0xa5]),
    Buffer.from("OrgID"),
    Buffer.from([0xa1, 66]),
  ]);
  const scanner = createScanner();
  const records = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? older : A!.records[i % 40]!));
  const { table, unreadable } = scanner.scan(pageOf(records, "msgpack"));
  expect(unreadable).toEqual([]);
  expect(table.slots.slice(0, 100 * table.stride)).toEqual(scan(general, records, "msgpack").slots);
  expect(objectOf(table, 98)).toMatchObject({ path: "/x", org_id: "B", method: "" });
});

test("hostile key orders cost a bounded number of generations", () => {
  const scanner = createScanner();
  let made = 0;
  const original = globalThis.Function;
  globalThis.Function = new Proxy(original, {
    construct: (target, args) => {
      made++;
      return Reflect.construct(target, args);
    },
  });
  try {
    for (let shape = 0; shape < 200; shape++) {
      const key = Buffer.from(`k${shape}`);
      const record = Buffer.concat([Buffer.from([0x81, 0xa0 | key.length]), key, Buffer.from([1])]);
      scanner.scan(pageOf(new Array(20).fill(record), "msgpack")).table.release();
    }
  } finally {
    globalThis.Function = original;
  }
  expect(made).toBeGreaterThan(0);
  expect(made).toBeLessThanOrEqual(16);
});

test("the general scanner is used on its own where code generation is forbidden", () => {
  const original = globalThis.Function;
  globalThis.Function = new Proxy(original, {
    construct: () => {
      throw new EvalError("Code generation from strings disallowed for this context");
    },
  });
  try {
    const scanner = createScanner();
    expect(scanner.scan(pageOf(new Array(50).fill(msgpackPopulated), "msgpack")).unreadable).toEqual([]);
  } finally {
    globalThis.Function = original;
  }
});

test("a repeated message merges and a repeated scalar counts last, in protobuf", () => {
  const field = (n: number, ...payload: number[]) => [(n << 3) | 2, payload.length, ...payload];
  const bytes = Buffer.from([
    ...field(2, 65),
    ...field(2, 66),
    ...field(13, 0x08, 5),
    ...field(13, 0x10, 7),
    ...field(13, 0x08, 6),
    ...[0xe2, 0x01, 4, 0x08, 9, 0x10, 9, 0xe2, 0x01, 4, 0x08, 8, 0x10, 0], // ExpireAt twice
    0x9a,
    0x01,
    2,
    0x08,
    1,
    0x9a,
    0x01,
    2,
    0x10,
    2, // Latency twice
    0xca,
    0x01,
    1,
    97, // a tag
    0xd8,
    0x01,
    1,
    0xca,
    0x01,
    1,
    98, // another one, later
  ]);
  const { table, unreadable } = scan(general, [bytes], "protobuf");
  expect(unreadable).toEqual([]);
  expect(objectOf(table, 0)).toMatchObject({
    method: "B",
    timestamp: "1970-01-01T00:00:06.000000007Z",
    expireAt: "1970-01-01T00:00:08Z",
    latency: { total: 1, upstream: 2 },
    tags: ["a", "b"],
    track_path: true,
  });
});

test("uptime records are written and read", () => {
  const { table } = scan(learned, [encodeUptime({ url: "http://x", tcpError: true, minute: 7 })], "uptime");
  expect(objectOf(table, 0)).toMatchObject({ url: "http://x", tcp_error: true, minute: 7, api_id: "" });
});

test("reading stays within the record even when the scanner is used by itself", () => {
  const scanner = new MsgpackScanner(analyticsSchema);
  const slots = new Uint32Array(analyticsSchema.stride);
  for (let end = 0; end < msgpackPopulated.length; end++) {
    expect(scanner.scan(msgpackPopulated, 0, end, slots, 0)).toBe(-1);
    slots.fill(0);
  }
  expect(scanner.scan(msgpackPopulated, 0, msgpackPopulated.length, slots, 0)).toBe(msgpackPopulated.length);
});

test("lists and maps of a protobuf record are there wherever its memory lies", () => {
  const { table } = scan(general, [encodeProtobuf({ tags: ["a"], orgId: "" })], "protobuf");
  expect(objectOf(table, 0).tags).toEqual(["a"]);
  const graph = scan(general, [encodeProtobuf({ isGraphql: true, graphqlTypes: { T: ["x"] } })], "protobuf");
  expect(textsMapOf(graph.table, 0, analyticsSchema.byProperty.get("graphqlTypes")!)).toEqual({ T: ["x"] });
});

test("times of billions of years, of which doubles are not exact, are still text", () => {
  for (const seconds of [2 ** 62, -(2 ** 62), 2 ** 53 + 2]) {
    const { table } = scan(
      general,
      [encodeUptime({ timestamp: { seconds: BigInt(seconds) as never, nanos: 0 } })],
      "uptime",
    );
    const rows = Uint32Array.of(0);
    const part = { chunk: "c", from: 0, to: 1, redelivered: false };
    const batch = RecordBatch.of([{ table, rows, start: 0, end: 1, part, firstIndex: 0 }], new BatchScope());
    const [page] = [...encode.json("record").pages(batch)];
    const { timestamp } = JSON.parse(Buffer.from(page!.body).toString());
    for (const text of [timestamp, objectOf(table, 0).timestamp])
      expect(text).toMatch(/^-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
});

import { Unpackr } from "msgpackr";
import { expect, test } from "vitest";
import { encode } from "../encode/index.ts";
import { batch } from "../testing/batch.ts";
import { encodeMsgpack, encodeUptime } from "./encode-msgpack.ts";
import { encodeProtobuf } from "./encode-protobuf.ts";
import { batchOf } from "./fixtures/index.ts";
import { msgpackPopulated, msgpackZero, populated, protobufPopulated, protobufZero } from "./fixtures/vectors.ts";
import type { RecordInput } from "./input.ts";
import { pageOf } from "./page.ts";
import { createScanner } from "./scanner.ts";
import type { UptimeRecord, Wire } from "./types.ts";

process.env.TZ = "UTC";

function only(bytes: Uint8Array, wire: Wire) {
  return batchOf(createScanner(), { records: [bytes], wire }).at(0);
}

test.for<[string, (record: RecordInput) => Uint8Array, RecordInput, Buffer]>([
  ["zero msgpack", encodeMsgpack, {}, msgpackZero],
  ["populated msgpack", encodeMsgpack, populated, msgpackPopulated],
  ["zero protobuf", encodeProtobuf, {}, protobufZero],
  ["populated protobuf", encodeProtobuf, populated, protobufPopulated],
])("writes the %s record as the reference does", ([, write, record, wanted]) => {
  expect(Buffer.from(write(record)).toString("hex")).toBe(wanted.toString("hex"));
});

test("reads the populated record of both wires", () => {
  for (const wire of ["msgpack", "protobuf"] as const) {
    const record = only(wire === "msgpack" ? msgpackPopulated : protobufPopulated, wire);
    expect(record.method).toBe("GET");
    expect(record.responseCode).toBe(-1);
    expect(record.networkBytesOut).toBe(2 ** 33);
    expect(record.geoLocationLongitude).toBe(-0.25);
    expect(record.tags).toEqual(["t1", "t2"]);
    expect(record.trackPath).toBe(true);
    expect(record.timestamp.text("rfc3339")).toBe("2024-03-05T13:04:05.123456789Z");
    expect(record.expireAt.text("go")).toBe("2124-03-05 13:04:05 +0000 UTC");
    // What protobuf does not carry.
    expect(record.latencyGateway).toBe(wire === "msgpack" ? 100 : 0);
    expect(record.geoCityNames).toEqual(wire === "msgpack" ? { en: "London" } : null);
  }
});

test("reads the zero record of both wires", () => {
  for (const [bytes, wire] of [
    [msgpackZero, "msgpack"],
    [protobufZero, "protobuf"],
  ] as const) {
    const record = only(bytes, wire);
    expect(record.timestamp.text("rfc3339")).toBe("0001-01-01T00:00:00Z");
    expect(record.tags).toBeNull();
    expect(record.graphqlTypes).toBeNull();
    expect(record.contentLength).toBe(0);
  }
});

test("msgpackr reads what is written", () => {
  const unpackr = new Unpackr({ useRecords: false });
  const object = unpackr.unpack(
    encodeMsgpack({ ...populated, graphqlTypes: { Query: ["a", "b"] }, requestTime: -70000 }),
  );
  expect(object.RequestTime).toBe(-70000);
  expect(object.GraphQLStats.Types).toEqual({ Query: ["a", "b"] });
  expect(object.TimeStamp).toEqual([1709643845, 123456789]);
  expect(Object.keys(object)).toHaveLength(35);
  expect(Object.keys(unpackr.unpack(encodeUptime({ url: "u" })))).toHaveLength(14);
});

test("takes the populated record as nested positional arrays", () => {
  const unpackr = new Unpackr({ useRecords: false });
  const positional = (value: unknown): unknown =>
    value && typeof value === "object" && !Array.isArray(value) ? Object.values(value).map(positional) : value;
  const object = unpackr.unpack(msgpackPopulated);
  // Maps of texts stay maps: only structs may be positional.
  object.Geo.City.Names = null;
  const list = positional(object) as unknown[];
  const record = only(packed(list), "msgpack");
  expect(record.method).toBe("GET");
  expect(record.geoLocationTimeZone).toBe("Europe/London");
  expect(record.listenPath).toBe("/l");
});

/** Lists, texts, numbers and nil, as Go writes them. */
function packed(value: unknown): Buffer {
  if (value === null) return Buffer.from([0xc0]);
  if (typeof value === "boolean") return Buffer.from([value ? 0xc3 : 0xc2]);
  if (typeof value === "string") return Buffer.concat([Buffer.from([0xd9, value.length]), Buffer.from(value)]);
  if (Array.isArray(value)) {
    const wide = value.length > 15 ? [0xdc, 0, value.length] : [0x90 | value.length];
    return Buffer.concat([Buffer.from(wide), ...value.map(packed)]);
  }
  const bytes = Buffer.alloc(9);
  const integer = typeof value === "bigint" || Number.isInteger(value);
  bytes[0] = integer ? 0xd3 : 0xcb;
  if (integer) bytes.writeBigInt64BE(BigInt(value as number), 1);
  else bytes.writeDoubleBE(value as number, 1);
  return bytes;
}

test("times of uptime reports may be extensions of 4, 8 and 12 bytes and texts, those of analytics may not", () => {
  const text = (value: string) => [0xa0 | value.length, ...Buffer.from(value)];
  const times: [number[], string][] = [
    [[0xd6, 0xff, 0x65, 0xe7, 0x18, 0x45], "2024-03-05T13:04:05Z"],
    [[0xd7, 0xff, 0x1d, 0x6f, 0x34, 0x54, 0x65, 0xe7, 0x18, 0x45], "2024-03-05T13:04:05.123456789Z"],
    [[0xc7, 12, 0xff, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255], "1969-12-31T23:59:59.000000001Z"],
    [text("2024-03-05T13:04:05Z"), "2024-03-05T13:04:05Z"],
    [text("2024-03-05T13:04:05.12+01:00"), "2024-03-05T12:04:05.12Z"],
    [text("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00Z"],
  ];
  const report = (time: number[]) => Buffer.from([0x82, ...text("TimeStamp"), ...time, ...text("OrgID"), ...text("o")]);
  const unreadable = (record: Buffer, wire: Wire) => createScanner().scan(pageOf([record], wire)).unreadable[0]?.reason;
  for (const [time, wanted] of times) {
    // Often enough to be learned.
    const reports = batch<UptimeRecord>(Array(12).fill(report(time)), { wire: "uptime" });
    for (const record of reports) {
      expect([record.timestamp.text("rfc3339"), record.orgId]).toEqual([wanted, "o"]);
    }
    const [page] = encode.json<UptimeRecord>("record").pages(reports);
    expect(Buffer.from(page!.body).toString()).toContain(`"timestamp":"${wanted}"`);
    expect(unreadable(report(time), "msgpack")).toMatch(/^TimeStamp: code .. is not a time at byte 11$/);
    expect(unreadable(report(time).subarray(0, 11 + time.length - 1), "uptime")).toMatch(/^TimeStamp: /);
  }
  for (const bad of [[0xc0], [0xd6, 1, 0, 0, 0, 0], [0xc7, 8, 0xff, 0, 0, 0, 0, 0, 0, 0, 0], text("yesterday"), [1]]) {
    expect(unreadable(report(bad), "uptime")).toMatch(/^TimeStamp: .* not a time at byte 11$/);
  }
});

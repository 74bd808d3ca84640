import { expect, test } from "vitest";
import { RecordBatch, refRangeOf, refsOf, scopeOf } from "./batch.ts";
import { encodeMsgpack } from "./encode-msgpack.ts";
import { F, fields, UptimeF } from "./fields.ts";
import { pageOf } from "./page.ts";
import { createScanner } from "./scanner.ts";
import { BatchScope } from "./scope.ts";

const scanner = createScanner();

/** Two runs of one chunk's records and one of another's; of the first, the even rows only. */
function example(refBase = 0) {
  const scope = new BatchScope();
  const records = (api: string, n: number) =>
    pageOf(
      Array.from({ length: n }, (_, i) =>
        encodeMsgpack({ apiId: api, requestTime: i, method: i % 3 === 0 ? "GET" : "PUT" }),
      ),
      "msgpack",
    );
  const first = scanner.scan(records("a", 10)).table;
  const second = scanner.scan(records("b", 4)).table;
  const part = { chunk: "one", from: 100, to: 110, redelivered: false };
  const even = Uint32Array.of(0, 2, 4, 6, 8);
  const batch = RecordBatch.of(
    [
      { table: first, rows: even, start: 0, end: 2, part, firstIndex: 100 },
      { table: first, rows: even, start: 2, end: 5, part, firstIndex: 100 },
      {
        table: second,
        rows: Uint32Array.of(0, 1, 2, 3),
        start: 0,
        end: 4,
        part: { chunk: "two", from: 0, to: 4, redelivered: true },
        firstIndex: 0,
      },
    ],
    scope,
    refBase,
  );
  return { batch, scope, first, second };
}

test("records know their place", () => {
  const { batch } = example(1000);
  expect(batch.size).toBe(9);
  const record = batch.at(3);
  expect([record.apiId, record.requestTime, record.index, record.ref, record.id]).toEqual([
    "a",
    6,
    106,
    1003,
    "one.106",
  ]);
  expect(batch.at(5).part).toMatchObject({ chunk: "two", redelivered: true });
  expect([...batch].map((one) => one.index)).toEqual([100, 102, 104, 106, 108, 0, 1, 2, 3]);
  expect(() => batch.at(9)).toThrow(RangeError);
});

test("parts tile the chunk, filtered records included, whatever is cut", () => {
  const { batch } = example();
  const spans = (one: { parts: readonly { chunk: string; from: number; to: number }[] }) =>
    one.parts.map(({ chunk, from, to }) => `${chunk} ${from}-${to}`);
  expect(spans(batch)).toEqual(["one 100-104", "one 104-110", "two 0-4"]);
  expect(spans(batch.slice(1, 6))).toEqual(["one 102-104", "one 104-110", "two 0-1"]);
  expect(spans(batch.slice(3, 4))).toEqual(["one 106-108"]);
  expect(spans(batch.slice(0, 0))).toEqual([]);
  expect(spans(batch.filter((record) => record.apiId === "b"))).toEqual(["two 0-4"]);
});

test("views keep refs", () => {
  const { batch } = example(50);
  expect(refRangeOf(batch.slice(2, 5))).toEqual({ from: 52, to: 55 });
  const puts = batch.filter((record) => record.method === "PUT");
  expect(refRangeOf(puts)).toBeNull();
  expect([...refsOf(puts)]).toEqual([51, 52, 54, 56, 57]);
  expect([...refsOf(puts.slice(1, 3))]).toEqual([52, 54]);
  expect([...refsOf(batch.at(7))]).toEqual([57]);
  const groups = batch.groupBy((record) => `${record.apiId}${record.method}`);
  expect([...groups].map(([key, group]) => [key, ...refsOf(group)])).toEqual([
    ["aGET", 50, 53],
    ["aPUT", 51, 52, 54],
    ["bGET", 55, 58],
    ["bPUT", 56, 57],
  ]);
  expect([...batch.pick(Uint32Array.of(53, 57))].map((record) => record.ref)).toEqual([53, 57]);
  expect(batch.locate(57)).toEqual({ slice: 2, row: 2, index: 2 });
  expect(() => batch.locate(59)).toThrow(RangeError);
});

test("bytes are those on the wire", () => {
  const { batch, first, second } = example();
  const size = (table: typeof first, row: number) => table.end(row) - table.start(row);
  expect(batch.slice(4, 6).bytes).toBe(size(first, 8) + size(second, 0));
  expect(batch.filter((record) => record.ref === 1).bytes).toBe(size(first, 2));
});

test("an identity gives the same bytes at each delivery, and no others", () => {
  const { batch } = example();
  const again = example(77).batch;
  const seen = new Set<string>();
  const kept = batch.at(0).idBytes(16);
  const before = Uint8Array.from(kept);
  for (const length of [8, 12, 16] as const) {
    for (const record of batch) {
      const bytes = record.idBytes(length);
      expect(bytes).toHaveLength(length);
      expect(again.at(record.ref).idBytes(length)).toEqual(bytes);
      seen.add(Buffer.from(bytes).toString("hex"));
    }
  }
  expect(seen.size).toBe(27);
  expect(kept).toEqual(before);
  expect(kept.subarray(0, 6)).toEqual(again.at(1).idBytes(8).subarray(0, 6));
});

test("a dead letter that is delivered again has the identity that it had", () => {
  const { first: table } = example();
  const rows = Uint32Array.from({ length: 10 }, (_, i) => i);
  const [first, again] = ["17-0.abc", "17-0.abc~99-0"].map((chunk) => {
    const part = { chunk, from: 0, to: 10, redelivered: true };
    return RecordBatch.of([{ table, rows, start: 0, end: 10, part, firstIndex: 0 }], new BatchScope()).at(5);
  });
  expect(again!.id).toBe("17-0.abc.5");
  expect(again!.idBytes(12)).toEqual(first!.idBytes(12));
  expect(again!.part.chunk).not.toBe(first!.part.chunk);
});

test("fields are read by name", () => {
  const { batch } = example();
  const record = batch.at(3);
  const [apiId, total] = fields(["api_id", "latency.total"]);
  expect(record.text(apiId!)).toBe("a");
  expect(record.number(total!)).toBe(0);
  expect(record.text(F.requestTime)).toBe("6");
  expect(record.text(F.timestamp)).toBe("0001-01-01T00:00:00Z");
  expect(record.text(F.trackPath)).toBe("false");
  expect(record.bytes(F.apiId)).toEqual(Uint8Array.of(97));
  expect(() => fields(["api_id", "apiid"])).toThrow(/no field "apiid"/);
  expect(() => record.text(UptimeF.tcpError)).toThrow(/tcp_error/);
});

test("nothing can be read once the call has settled", () => {
  const { batch, scope } = example();
  const record = batch.at(0);
  const part = batch.slice(0, 2);
  expect(scopeOf(record)).toBe(scope);
  scope.end();
  const ended = expect.objectContaining({ code: "SLUICE_SDK_BATCH_ENDED" });
  for (const access of [
    () => record.method,
    () => record.timestamp,
    () => record.id,
    () => record.idBytes(12),
    () => record.text(F.apiId),
    () => record.bytes(F.apiId),
    () => record.toObject(),
    () => batch.at(0),
    () => [...part],
    () => part.parts,
    () => part.bytes,
    () => batch.slice(0),
    () => batch.filter(() => true),
    () => batch.groupBy(() => ""),
  ]) {
    expect(access).toThrow(ended);
  }
});

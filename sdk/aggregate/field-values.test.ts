import fc from "fast-check";
import { expect, test } from "vitest";
import { defineSink, Type } from "../index.ts";
import { F } from "../record/fields.ts";
import { batch, open } from "../testing/index.ts";
import { FieldValues } from "./field-values.ts";

const path = fc.oneof(
  fc.constantFrom("", "/", "/a", "/ä", "\ufffd", "/very/long/path/that/is/cut"),
  fc.string({ maxLength: 12 }),
  fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
);

test("equal texts have one number, different ones have two, whatever their bytes", () =>
  fc.assert(
    fc.property(fc.array(path, { minLength: 1, maxLength: 80 }), (paths) => {
      const values = new FieldValues(F.path, 20);
      const numbers = new Map<string, number>();
      for (const record of batch(paths.map((path) => ({ path })))) {
        const text =
          Buffer.from(record.bytes(F.path)).subarray(0, 20).length < 20 ? record.path : record.path.slice(0, 20);
        const known = numbers.get(text);
        const found = values.find(record);
        // Other bytes of a text that is known are not known before they are kept.
        if (known === undefined && text !== "") expect(found).toBe(-1);
        else if (found !== -1) expect(found).toBe(known ?? 0);
        const number = values.keep(record);
        if (known !== undefined) expect(number).toBe(known);
        else expect([...numbers.values()]).not.toContain(number);
        numbers.set(text, number);
        expect(values.find(record)).toBe(number);
        expect(values.text(number)).toBe(text);
      }
    }),
  ));

test("a text of the caller's own", () => {
  const values = new FieldValues(F.path, 20);
  const unknown = values.keepText("unknown");
  const [record] = batch([{ path: "unknown" }]);
  expect(values.find(record!)).toBe(unknown);
  expect(values.keepText("")).toBe(0);
});

test("prepared fields, and a field that is no text", async () => {
  const values = new FieldValues(F.rawRequest, 100);
  const numbers: number[] = [];
  const sink = defineSink({
    type: "t",
    config: Type.Object({}),
    open: async () => ({
      write: async (records) => {
        for (const record of records) numbers.push(values.keep(record), values.find(record));
      },
    }),
  });
  const running = await open(sink, {}, { prepare: { decodeRequest: true } });
  running.deliver(["one", "two", "one"].map((text) => ({ rawRequest: Buffer.from(text).toString("base64") })));
  await running.settled();
  await running.close();
  expect(numbers).toEqual([1, 1, 2, 2, 1, 1]);
  expect(values.text(2)).toBe("two");
  expect(() => new FieldValues(F.responseCode, 10)).toThrow(TypeError);
});

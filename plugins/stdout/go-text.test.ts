import { expect, test } from "vitest";
import { any, float, map, quote } from "./go-text.ts";

test("floats", () => {
  const printed = [0, -0, 51.5, -0.25, 100, 1e20, 1e21, 1.5e300, 0.0001, 0.00001, 5e-324, NaN, Infinity, -Infinity];
  expect(printed.map(float)).toEqual(
    "0 -0 51.5 -0.25 100 1e+20 1e+21 1.5e+300 0.0001 1e-05 5e-324 NaN +Inf -Inf".split(" "),
  );
  expect([999999.5, 1e6, -1234567.5].map(float)).toEqual("999999.5 1e+06 -1.2345675e+06".split(" "));
});

test("maps have their keys in byte order, untyped values are Go's", () => {
  expect(
    map([
      ["fr", "Paris"],
      ["en", "b"],
    ]),
  ).toBe("map[en:b fr:Paris]");
  expect(any(["a", 1, 2.5, true, null, { b: [] }])).toBe("[a 1 2.5 true <nil> map[b:[]]]");
});

test("quotes", () => {
  expect(quote(Buffer.from('a "b" \\ \n\t\x07\x00\x7f é \u00ad \u2028 😀'))).toBe(
    '"a \\"b\\" \\\\ \\n\\t\\a\\x00\\x7f é \\u00ad \\u2028 😀"',
  );
  expect(quote(Buffer.from([0x61, 0xff, 0xe2, 0x82, 0xc3, 0xa9, 0xc3]))).toBe('"a\\xff\\xe2\\x82é\\xc3"');
});

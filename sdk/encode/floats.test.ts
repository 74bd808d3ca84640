import fc from "fast-check";
import { expect, test } from "vitest";
import { writeFloat } from "./floats.ts";

const out = Buffer.alloc(64);
const view = new DataView(out.buffer, out.byteOffset, out.length);

function written(value: number): string {
  return out.latin1Slice(0, writeFloat(view, 0, value));
}

test("writes every double as JavaScript does", () => {
  const doubles = fc.oneof(
    fc.double(),
    fc.double({ min: -1e6, max: 1e6 }),
    fc.double({ min: -180, max: 180 }),
    // Sums of decimals, which miss the nearest double.
    fc
      .tuple(fc.integer({ min: 0, max: 3_600_000 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 180 }))
      .map(([n, power, offset]) => n / 10 ** power - offset),
    fc
      .tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: -4, max: 4 }))
      .map(([power, ulps]) => 2 ** power + ulps * 2 ** (power - 52)),
  );
  fc.assert(
    fc.property(doubles, (value) => {
      expect(written(value)).toBe(String(value));
    }),
    { numRuns: 20_000 },
  );
});

test("neighbours of short decimals, and carries", () => {
  for (const value of [1.9999999999999998, 9.999999999999998, 99.99999999999999, 999999.9999999999, 0.1 + 0.2, 5e-324])
    for (const signed of [value, -value]) expect(written(signed)).toBe(String(signed));
  for (let n = 1; n < 5000; n++) expect(written(n / 7)).toBe(String(n / 7));
});

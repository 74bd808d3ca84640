import fc from "fast-check";
import { expect, test } from "vitest";
import { SlabPool } from "./slabs.ts";

const MiB = 2 ** 20;

test("slabs are powers of two that hold what is needed, and what is merely hoped for up to 4 MiB", () => {
  const pool = new SlabPool();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 * MiB }), fc.integer({ min: 0, max: 8 * MiB }), (hoped, needed) => {
      const slab = pool.take(hoped, needed);
      expect(slab.byteLength).toBeGreaterThanOrEqual(Math.max(needed, Math.min(hoped, 4 * MiB)));
      if (needed <= 4 * MiB) {
        expect(Math.log2(slab.byteLength) % 1).toBe(0);
        expect(slab.byteLength).toBeLessThanOrEqual(4 * MiB);
      }
      pool.give(slab);
    }),
  );
});

test("memory is used again, not more than 16 MiB is kept, and one record's own slab is not", () => {
  const pool = new SlabPool();
  const first = pool.take(MiB);
  pool.give(first);
  expect(pool.take(MiB)).toBe(first);
  const many = Array.from({ length: 10 }, () => pool.take(4 * MiB));
  expect(pool.bytes).toBe(41 * MiB);
  for (const slab of many) pool.give(slab);
  expect(pool.bytes).toBe(17 * MiB);
  const huge = pool.take(0, 50 * MiB);
  pool.give(huge);
  expect(pool.bytes).toBe(17 * MiB);
  expect(pool.used).toBe(MiB);
});

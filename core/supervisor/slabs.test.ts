import fc from "fast-check";
import { expect, test } from "vitest";
import { SlabPool } from "./slabs.ts";

const MiB = 2 ** 20;

test("slabs come in a few sizes that hold what is needed, and what is merely hoped for up to 4 MiB", () => {
  const sizes = new Set<number>();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 * MiB }), fc.integer({ min: 0, max: 8 * MiB }), (hoped, needed) => {
      const slab = new SlabPool().take(hoped, needed);
      expect(slab.byteLength).toBeGreaterThanOrEqual(Math.max(needed, Math.min(hoped, 4 * MiB)));
      if (needed <= 4 * MiB) {
        sizes.add(slab.byteLength);
        expect(slab.byteLength).toBeLessThanOrEqual(4 * MiB);
        expect(slab.byteLength).toBeLessThanOrEqual(
          Math.max(64 * 1024, 1.25 * Math.max(needed, Math.min(hoped, 4 * MiB))),
        );
      }
    }),
  );
  expect(sizes.size).toBeLessThanOrEqual(25);
});

test("chunks of a stream that differ by up to a half need no new memory; what is much smaller does not take a large slab", () => {
  const pool = new SlabPool();
  for (const slab of Array.from({ length: 5 }, () => pool.take(700_000))) pool.give(slab);
  const { bytes } = pool;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 400_000, max: 700_000 }), { maxLength: 5 }), (sizes) => {
      for (const slab of sizes.map((size) => pool.take(size))) pool.give(slab);
      expect(pool.bytes).toBe(bytes);
    }),
  );
  expect(pool.take(200_000).byteLength).toBeLessThanOrEqual(250_000);
});

test("memory is used again, and beyond 16 MiB given up once it lay unused from one trim to the next; one record's own slab is not kept", () => {
  const pool = new SlabPool();
  const first = pool.take(MiB);
  pool.give(first);
  expect(pool.take(MiB)).toBe(first);
  const many = Array.from({ length: 10 }, () => pool.take(4 * MiB));
  for (const slab of many) pool.give(slab);
  const huge = pool.take(0, 50 * MiB);
  pool.give(huge);
  pool.trim();
  expect(pool.bytes).toBe(41 * MiB);
  const used = Array.from({ length: 5 }, () => pool.take(4 * MiB));
  for (const slab of used) pool.give(slab);
  pool.trim();
  expect(pool.bytes).toBe(21 * MiB);
  for (let i = 0; i < 3; i++) pool.trim();
  expect(pool.bytes).toBe(17 * MiB);
  expect(pool.used).toBe(MiB);
});

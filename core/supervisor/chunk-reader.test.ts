import { sharedSlotBytes } from "@sluice/sdk/record";
import { expect, onTestFinished, test, vi } from "vitest";
import type { ChunkRef, ListLog, ReadResult } from "../log/log.ts";
import { ChunkReader, type Loaded } from "./chunk-reader.ts";
import { SlabPool } from "./slabs.ts";

/** A list whose chunks have records of this size; counts reads. */
function listOf(recordBytes: number, more: { read?: () => Promise<ReadResult> } = {}) {
  const reads: number[] = [];
  const list = {
    reads,
    async read(ref: ChunkRef, from: number, slab: SharedArrayBuffer): Promise<ReadResult> {
      reads.push(from);
      await new Promise((resolve) => setImmediate(resolve));
      if (more.read) return more.read();
      const fit = Math.floor(slab.byteLength / (recordBytes + 8));
      if (fit === 0) return { need: recordBytes + 8 };
      const to = Math.min(ref.records, from + fit);
      return { to, at: 0, bytes: (to - from) * recordBytes };
    },
  };
  return list as typeof list & ListLog;
}

function chunk(name: string, records = 1000): ChunkRef {
  return { entry: name, chunk: name, records, behind: 0, redelivered: false, deliveries: 1 };
}

const loaded = (result: unknown) => result as Loaded;

test("sinks that want a chunk at the same time share one read", async () => {
  const pool = new SlabPool();
  const reader = new ChunkReader(pool, 2 ** 28);
  const list = listOf(100);
  const [a, b] = await Promise.all([reader.load(list, chunk("c"), 0), reader.load(list, chunk("c"), 0)]);
  expect(a).toBe(b);
  expect(list.reads).toEqual([0]);
  expect(loaded(a).pins).toBe(2);
  // A later one still finds it, also from the middle.
  expect(await reader.load(list, chunk("c"), 500)).toBe(a);
});

test("what every sink had is given up at once, what one still lacks is kept for it", async () => {
  const pool = new SlabPool();
  const reader = new ChunkReader(pool, 2 ** 28, () => 2);
  const list = listOf(100);
  const first = loaded(await reader.load(list, chunk("c"), 0));
  reader.unpin(first);
  const second = loaded(await reader.load(list, chunk("c"), 0));
  expect(second).toBe(first);
  reader.unpin(second);
  expect(pool.used).toBe(0);
  await reader.load(list, chunk("c"), 0);
  expect(list.reads).toEqual([0, 0]);
});

test("the sink ahead waits a moment for those behind it, and no longer", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const reader = new ChunkReader(new SlabPool(), 2 ** 28, () => 2);
  vi.advanceTimersByTime(10_000);
  const list = listOf(1000);
  const take = async (i: number) => reader.unpin(loaded(await reader.load(list, chunk(`c${i}`), 0)));
  const ahead = async () => {
    for (let i = 0; i < 40; i++) await take(i);
  };
  const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const first = ahead();
  for (let i = 0; i < 40; i++) await settled();
  const waitedAt = list.reads.length;
  expect(waitedAt).toBeLessThan(10);
  for (let i = 0; i < 5; i++) await take(i);
  for (let i = 0; i < 40; i++) await settled();
  expect(list.reads.length).toBeGreaterThan(waitedAt);
  expect(list.reads.length).toBeLessThan(20);
  // The other one stands still.
  await vi.advanceTimersByTimeAsync(100);
  await first;
  expect(list.reads.length).toBe(40);
});

test("a page that is read again counts those who had it before", async () => {
  const pool = new SlabPool();
  const reader = new ChunkReader(pool, 2 ** 28, () => 2);
  const list = listOf(1000);
  for (let i = 0; i < 20; i++) reader.unpin(loaded(await reader.load(list, chunk(`c${i}`), 0)));
  const { unpinnedBytes } = reader;
  reader.unpin(loaded(await reader.load(list, chunk("c0"), 0)));
  expect(list.reads.length).toBe(21);
  expect(reader.unpinnedBytes).toBe(unpinnedBytes);
});

test("memory in use is never given to another chunk", async () => {
  const pool = new SlabPool();
  const reader = new ChunkReader(pool, 2 ** 28);
  const list = listOf(3000);
  const pinned = loaded(await reader.load(list, chunk("pinned"), 0));
  for (let i = 0; i < 50; i++) {
    const other = loaded(await reader.load(list, chunk(`c${i}`), 0));
    expect(other.slab).not.toBe(pinned.slab);
    reader.unpin(other);
  }
  expect(pool.bytes).toBeLessThan(48 * 2 ** 20);
});

test("slots are shared behind the records, where several sinks read them and there is room", async () => {
  const pool = new SlabPool();
  const at = 100 * 100;
  const list = { ...listOf(100, { read: async () => ({ to: 100, at, bytes: at }) }), wire: "msgpack" as const };
  const several = new ChunkReader(pool, 2 ** 28, () => 2);
  const { slab, slots } = loaded(await several.load(list as typeof list & ListLog, chunk("c", 100), 0));
  expect(slots).toBe(at + 8 * 100);
  expect(slots! + sharedSlotBytes(100, "msgpack")).toBeLessThanOrEqual(slab.byteLength);
  const single = new ChunkReader(pool, 2 ** 28, () => 1);
  expect(loaded(await single.load(list as typeof list & ListLog, chunk("c", 100), 0)).slots).toBeNull();
  const end = slab.byteLength - 8 * 100;
  const full = { ...list, read: async () => ({ to: 100, at: end, bytes: end }) };
  expect(loaded(await several.load(full as typeof list & ListLog, chunk("full", 100), 0)).slots).toBeNull();
});

test("a record larger than any slab gets one of its own; one too large is not read", async () => {
  const pool = new SlabPool();
  const reader = new ChunkReader(pool, 20 * 2 ** 20);
  const big = loaded(await reader.load(listOf(10 * 2 ** 20), chunk("big", 1), 0));
  expect(big.slab.byteLength).toBe(10 * 2 ** 20 + 8);
  expect(await reader.load(listOf(30 * 2 ** 20), chunk("huge", 1), 0)).toBe("too large");
});

test("a failed read gives its memory back and can be tried again", async () => {
  const pool = new SlabPool();
  const reader = new ChunkReader(pool, 2 ** 28);
  let fail = true;
  const list = listOf(100, {
    read: async () => {
      if (fail) throw new Error("away");
      return { to: 10, at: 0, bytes: 1000 };
    },
  });
  await expect(reader.load(list, chunk("c", 10), 0)).rejects.toThrow("away");
  expect(pool.used).toBe(0);
  fail = false;
  expect(loaded(await reader.load(list, chunk("c", 10), 0)).to).toBe(10);
});

test("memory that cannot be had for a large record is given back once", async () => {
  class Small extends SlabPool {
    override take(hoped: number, needed = 0): SharedArrayBuffer {
      if (needed > 0) throw new RangeError("Array buffer allocation failed");
      return super.take(hoped, needed);
    }
  }
  const pool = new Small();
  const reader = new ChunkReader(pool, 2 ** 28);
  await expect(reader.load(listOf(10 * 2 ** 20), chunk("big", 1), 0)).rejects.toThrow("allocation failed");
  expect(pool.used).toBe(0);
  expect(pool.take(1)).not.toBe(pool.take(1));
});

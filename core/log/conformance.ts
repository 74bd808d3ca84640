import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { GatewayList } from "./keys.ts";
import type { ChunkRef, DeliveryLog, HomeList, ListLog, SinkEntry } from "./log.ts";

/** What the shared tests need of an engine. */
export interface Engine {
  readonly chunkRecords: number;
  readonly leaseMs: number;
  /** A log of this process, or of another one, over the same data; not yet open. */
  create(lists: readonly GatewayList[]): DeliveryLog;
  /** Puts records where the engine gets them from. */
  push(log: DeliveryLog, list: string, records: readonly Uint8Array[]): Promise<void>;
  /** Records in chunks, as the storage has them. */
  stored(list: string): Promise<number>;
  /** Ends a log as a crash does: nothing is handed back. */
  crash(log: DeliveryLog): Promise<void>;
}

export const SINKS: readonly SinkEntry[] = [
  { name: "a", fingerprint: "1" },
  { name: "b", fingerprint: "1" },
];

export function entry(name: string): SinkEntry {
  return { name, fingerprint: "1" };
}

export function records(count: number, bytes = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(`record ${i} ${"x".repeat(bytes)}`));
}

export async function claimAll(list: ListLog): Promise<number> {
  let total = 0;
  for (;;) {
    const { claimed, left } = await list.claim();
    total += claimed;
    if (left === 0) return total;
  }
}

/** All records of a chunk, through as many reads as it takes. */
export async function readAll(list: ListLog, ref: ChunkRef, slabBytes = 1 << 20): Promise<string[]> {
  const texts: string[] = [];
  let slab = new SharedArrayBuffer(slabBytes);
  while (texts.length < ref.records) {
    const result = await list.read(ref, texts.length, slab);
    if ("missing" in result) throw new Error(`chunk ${ref.chunk} is missing at ${texts.length}`);
    if ("need" in result) {
      slab = new SharedArrayBuffer(result.need);
      continue;
    }
    const count = result.to - texts.length;
    const offsets = new Uint32Array(slab, result.at, 2 * count);
    const bytes = Buffer.from(slab);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      sum += offsets[2 * i + 1]! - offsets[2 * i]!;
      texts.push(bytes.toString("utf8", offsets[2 * i], offsets[2 * i + 1]));
    }
    expect(result.bytes).toBe(sum);
  }
  return texts;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What every engine must do. */
export function conformance(name: string, start: () => Promise<{ engine: Engine; stop(): Promise<void> }>): void {
  describe(`delivery log: ${name}`, () => {
    let engine: Engine;
    let stop: () => Promise<void>;
    let gateway: GatewayList;
    let log: DeliveryLog;
    let list: HomeList;
    const others: DeliveryLog[] = [];

    beforeAll(async () => {
      ({ engine, stop } = await start());
    });
    afterAll(async () => {
      await log?.close();
      await stop();
    });
    beforeEach(async () => {
      await log?.close();
      for (const other of others.splice(0)) await other.close();
      gateway = { name: `analytics-${randomBytes(6).toString("hex")}`, wire: "msgpack" };
      log = engine.create([gateway]);
      await log.open(SINKS);
      list = log.lists[0]!;
    });

    const push = (texts: readonly Uint8Array[]) => engine.push(log, gateway.name, texts);
    const takeAll = async (sink: string, chunks = 1000) => (await list.take([{ sink, chunks }]))[0]!;
    const deliver = async (from: ListLog, refs: readonly ChunkRef[]) => {
      const texts: string[] = [];
      for (const ref of refs) texts.push(...(await readAll(from, ref)));
      return texts;
    };
    const texts = (raw: readonly Uint8Array[]) => raw.map((bytes) => Buffer.from(bytes).toString());

    test("an unused list gives nothing and leaves nothing", async () => {
      expect(await claimAll(list)).toBe(0);
      expect(await list.take([{ sink: "a", chunks: 5 }])).toEqual([[]]);
      expect(await list.takeover("a", 5)).toEqual([]);
      expect(await list.sweep()).toBe(0);
      expect(await list.lag("a")).toEqual({ chunks: 0, records: 0, oldestMs: 0, live: 0 });
      expect(await list.letters("a")).toEqual({ records: 0, bytes: 0 });
      expect(await list.readLetters(null, 10)).toEqual([]);
    });

    for (const count of [1, 999, 1000, 1001, 2500]) {
      test(`each sink gets ${count} records, in order, once`, async () => {
        const raw = records(count);
        await push(raw);
        await claimAll(list);
        expect(await engine.stored(gateway.name)).toBe(count);
        for (const sink of ["a", "b"]) {
          const refs = await takeAll(sink);
          expect(refs.every((ref) => ref.records <= engine.chunkRecords)).toBe(true);
          expect(refs.every((ref) => !ref.redelivered && ref.deliveries === 1)).toBe(true);
          expect(new Set(refs.map((ref) => ref.chunk)).size).toBe(refs.length);
          expect(await deliver(list, refs)).toEqual(texts(raw));
          expect(await list.ack(sink, refs)).toBe(refs.length);
          expect(await list.ack(sink, refs)).toBe(0);
          expect(await takeAll(sink)).toEqual([]);
        }
        await list.sweep();
        expect(await engine.stored(gateway.name)).toBe(0);
      });
    }

    test("credit bounds what is taken, and the answers keep the order of the requests", async () => {
      await push(records(5000));
      await claimAll(list);
      const [b, none, a] = await list.take([
        { sink: "b", chunks: 2 },
        { sink: "b", chunks: 0 },
        { sink: "a", chunks: 3 },
      ]);
      expect([b!.length, none!.length, a!.length]).toEqual([2, 0, 3]);
      expect((await takeAll("b")).length).toBe(3);
    });

    test("what one sink has not done stays, and is another's no longer", async () => {
      for (let i = 0; i < 3; i++) {
        await push(records(1000));
        await claimAll(list);
      }
      const a = await takeAll("a");
      await list.ack("a", a);
      expect(await list.sweep()).toBe(0);
      const b = await takeAll("b");
      await list.ack("b", [b[1]!]);
      expect(await list.sweep()).toBe(1);
      expect(await engine.stored(gateway.name)).toBe(2000);
      expect(await list.read(b[1]!, 0, new SharedArrayBuffer(1 << 16))).toEqual({ missing: true });
      expect((await readAll(list, b[2]!)).length).toBe(1000);
    });

    test("slabs smaller than the chunk, and a record larger than the slab", async () => {
      const raw = [...records(300, 100), Buffer.alloc(50_000, "y"), ...records(300, 100)];
      await push(raw);
      await claimAll(list);
      const refs = await takeAll("a");
      const got: string[] = [];
      for (const ref of refs) got.push(...(await readAll(list, ref, 8192)));
      expect(got).toEqual(texts(raw));
    });

    test("a slab that holds the record to the byte, and tiny ones", async () => {
      await push([Buffer.alloc(1000, "z")]);
      await claimAll(list);
      const [ref] = await takeAll("a");
      for (const bytes of [1, 8, 16, 1007]) {
        const result = await list.read(ref!, 0, new SharedArrayBuffer(bytes));
        expect("need" in result && result.need).toBeGreaterThan(1000);
      }
      expect(await readAll(list, ref!, 4)).toEqual(["z".repeat(1000)]);
    });

    test("empty records and bytes that are not text", async () => {
      const raw = [Buffer.alloc(0), Buffer.from([0, 255, 13, 10, 36, 42]), Buffer.from("\r\n$3\r\n")];
      await push(raw);
      await claimAll(list);
      const refs = await takeAll("a");
      const slab = new SharedArrayBuffer(4096);
      const result = await list.read(refs[0]!, 0, slab);
      if (!("at" in result)) throw new Error("not read");
      const offsets = new Uint32Array(slab, result.at, 6);
      const parts = raw.map((_, i) => Buffer.from(slab.slice(offsets[2 * i]!, offsets[2 * i + 1]!)));
      expect(parts).toEqual(raw);
    });

    test("many reads at once", async () => {
      const raw = records(4000, 300);
      await push(raw);
      await claimAll(list);
      const refs = await takeAll("a");
      const got = await Promise.all(refs.flatMap((ref) => [readAll(list, ref), readAll(list, ref, 40_000)]));
      expect(got.filter((_, i) => i % 2 === 0).flat()).toEqual(texts(raw));
      expect(got.filter((_, i) => i % 2 === 1).flat()).toEqual(texts(raw));
    });

    test("a lease that is not renewed is taken over, one that is renewed is not", async () => {
      await push(records(2000));
      await claimAll(list);
      const [kept, lapsed] = await takeAll("a");
      const until = performance.now() + 2.5 * engine.leaseMs;
      while (performance.now() < until) {
        expect(await list.extend("a", [kept!])).toEqual([]);
        await sleep(engine.leaseMs / 4);
      }
      // The last sleep may have been a long one.
      await list.extend("a", [kept!]);
      const taken = await list.takeover("a", 10);
      expect(taken.map((ref) => ref.chunk)).toEqual([lapsed!.chunk]);
      expect(taken[0]).toMatchObject({ redelivered: true, deliveries: 2, records: 1000 });
      expect(await list.ack("a", [kept!, lapsed!])).toBe(2);
      expect(await list.takeover("a", 10)).toEqual([]);
    });

    test("what is released is had at once, and uncounted", async () => {
      await push(records(3000));
      await claimAll(list);
      const refs = await takeAll("a");
      await list.release("a", refs.slice(1));
      expect(await list.extend("a", refs)).toEqual(refs.slice(1));
      const again = await list.takeover("a", 1);
      expect(again.map((ref) => ref.chunk)).toEqual([refs[1]!.chunk]);
      expect(again[0]).toMatchObject({ redelivered: true, deliveries: 1 });
      expect((await list.takeover("a", 5)).map((ref) => ref.chunk)).toEqual([refs[2]!.chunk]);
      expect(await takeAll("a")).toEqual([]);
    });

    test("after a crash everything unacknowledged comes again, with the same identity", async () => {
      const raw = records(3000);
      await push(raw);
      await claimAll(list);
      const before = await takeAll("a");
      await list.ack("a", [before[0]!]);
      await engine.crash(log);
      log = engine.create([gateway]);
      await log.open(SINKS);
      list = log.lists[0]!;
      const after = await takeAll("a");
      const until = performance.now() + 4 * engine.leaseMs;
      while (after.length < 2 && performance.now() < until) {
        after.push(...(await list.takeover("a", 10)));
        await sleep(20);
      }
      expect(after.map((ref) => ref.chunk)).toEqual(before.slice(1).map((ref) => ref.chunk));
      expect(after.every((ref) => ref.redelivered)).toBe(true);
      expect(await deliver(list, after)).toEqual(texts(raw.slice(1000)));
    });

    test("a sink of another kind holds nothing back in this list, and has its own", async () => {
      const uptime: GatewayList = { name: `${gateway.name}-uptime`, wire: "uptime" };
      await log.close();
      log = engine.create([gateway, uptime]);
      await log.open([...SINKS, { name: "u", fingerprint: "1", reads: "uptime" }]);
      for (const { name } of log.lists) await engine.push(log, name, records(10));
      const [analytics, reports] = log.lists as [HomeList, HomeList];
      for (const [list, sinks] of [
        [analytics, ["a", "b"]],
        [reports, ["u"]],
      ] as const) {
        await claimAll(list);
        for (const sink of sinks) {
          const [refs] = await list.take([{ sink, chunks: 10 }]);
          expect(refs!.map((ref) => ref.records)).toEqual([10]);
          expect(await list.sweep()).toBe(0);
          await list.ack(sink, refs!);
        }
        expect(await list.sweep()).toBe(1);
      }
      await log.forgetSink("u");
    });

    test("a new sink begins at the oldest chunk kept; one that is forgotten holds nothing back", async () => {
      await push(records(2000));
      await claimAll(list);
      await list.ack("a", await takeAll("a"));
      const three = [...SINKS, entry("c")];
      await log.register(three);
      const c = await takeAll("c");
      expect(c.length).toBe(2);
      await list.ack("c", c);
      expect(await list.sweep()).toBe(0);
      expect((await log.sinks()).map((sink) => sink.name).sort()).toEqual(["a", "b", "c"]);
      await log.forgetSink("b");
      expect((await log.sinks()).map((sink) => sink.name).sort()).toEqual(["a", "c"]);
      expect(await list.sweep()).toBe(2);
    });

    test("dead letters hold the record, are counted, listed once, and dropped", async () => {
      await push(records(1500));
      await claimAll(list);
      const refs = await takeAll("a");
      await list.reject("a", refs[1]!, [
        { index: 7, reason: "no such table" },
        { index: 499, reason: "zu groß" },
      ]);
      await list.reject("a", refs[1]!, [{ index: 7, reason: "no such table" }]);
      await list.reject("b", refs[0]!, [{ index: 0, reason: "b's own" }]);
      const letters = await list.readLetters(null, 100);
      expect(
        letters.map(({ sink, chunk, index, reason, raw }) => [sink, chunk, index, reason, Buffer.from(raw).toString()]),
      ).toEqual([
        ["a", refs[1]!.chunk, 7, "no such table", "record 1007 "],
        ["a", refs[1]!.chunk, 499, "zu groß", "record 1499 "],
        ["b", refs[0]!.chunk, 0, "b's own", "record 0 "],
      ]);
      expect(Math.abs(letters[0]!.at - Date.now())).toBeLessThan(60_000);
      expect((await list.letters("b")).records).toBe(1);
      expect((await list.letters("a")).records).toBeGreaterThanOrEqual(2);
      const behind = await list.readLetters(letters[1]!.id, 100);
      expect(behind.at(-1)).toEqual(letters[2]);
      expect(await list.dropLetters([letters[2]!.id, letters[2]!.id])).toBe(1);
      expect(await list.letters("b")).toEqual({ records: 0, bytes: 0 });
    });

    test("dead letters are taken back by the ids that they were written under, and others of their records stay", async () => {
      await push(records(1500));
      await claimAll(list);
      const refs = await takeAll("a");
      const reject = async (sink: string, i: number, ...indexes: number[]) =>
        list.reject(
          sink,
          refs[i]!,
          indexes.map((index) => ({ index, reason: "in doubt" })),
        );
      const ids = await reject("a", 0, 1, 2, 5000);
      expect(ids[2]).toBe("");
      await reject("a", 1, 1);
      await reject("b", 0, 1);
      const rest = await list.letters("b");
      expect(await list.dropLetters([ids[0]!])).toBe(1);
      const left = await list.readLetters(null, 10);
      expect(left.map(({ sink, chunk, index }) => [sink, chunk, index])).toEqual([
        ["a", refs[0]!.chunk, 2],
        ["a", refs[1]!.chunk, 1],
        ["b", refs[0]!.chunk, 1],
      ]);
      expect(left[0]!.id).toBe(ids[1]);
      expect((await list.letters("a")).records).toBe(2);
      expect(await list.letters("b")).toEqual(rest);
      const [again] = await list.replaceLetters([{ id: ids[1]!, reason: "no" }]);
      expect((await list.getLetters([again!]))[0]).toMatchObject({ index: 2, reason: "no" });
      expect(await list.replaceLetters([{ id: ids[1]!, reason: "no" }])).toEqual([""]);
      await list.dropLetters([again!, ...left.map(({ id }) => id)]);
      expect(await list.letters("a")).toEqual({ records: 0, bytes: 0 });
    });

    test("dead letters are listed without their records, got by id, and replaced by new ones", async () => {
      await push(records(1000));
      await claimAll(list);
      const [ref] = await takeAll("a");
      const indexes = [3, 4, 5];
      await list.reject(
        "a",
        ref!,
        indexes.map((index) => ({ index, reason: `no ${index}` })),
      );
      const heads = await list.listLetters(null, 2);
      expect(heads).toMatchObject([
        { sink: "a", chunk: ref!.chunk, index: 3, reason: "no 3", bytes: 9 },
        { sink: "a", chunk: ref!.chunk, index: 4, reason: "no 4", bytes: 9 },
      ]);
      const [last, ...more] = await list.listLetters(heads[1]!.id, 2);
      expect([last!.index, more]).toEqual([5, []]);
      const got = await list.getLetters([last!.id, "1-1", "nonsense", "", "1e3", heads[0]!.id]);
      expect(got.map(({ id, index, raw }) => [id, index, Buffer.from(raw).toString()])).toEqual([
        [last!.id, 5, "record 5 "],
        [heads[0]!.id, 3, "record 3 "],
      ]);
      const before = await list.letters("a");
      await list.replaceLetters([
        { id: heads[0]!.id, reason: "still no" },
        { id: "1-1", reason: "gone" },
      ]);
      expect(await list.letters("a")).toEqual(before);
      expect(await list.getLetters([heads[0]!.id])).toEqual([]);
      const now = await list.readLetters(null, 10);
      expect(now.map(({ index, reason, raw }) => [index, reason, Buffer.from(raw).toString()])).toEqual([
        [4, "no 4", "record 4 "],
        [5, "no 5", "record 5 "],
        [3, "still no", "record 3 "],
      ]);
      expect(await list.dropLetters([...now.map(({ id }) => id), "nonsense", heads[0]!.id])).toBe(3);
      expect(await list.letters("a")).toEqual({ records: 0, bytes: 0 });
    });

    test("a peek shows what a sink gets next, and changes nothing", async () => {
      expect(await list.peek("a", 5)).toEqual([]);
      await push(records(1500));
      await claimAll(list);
      const seen = (peeked: Awaited<ReturnType<HomeList["peek"]>>) =>
        peeked.map(({ chunk, index, raw }) => `${chunk} ${index} ${Buffer.from(raw)}`);
      const first = seen(await list.peek("a", 5));
      expect(first).toEqual(seen(await list.peek("a", 5)));
      expect(await list.lag("a")).toMatchObject({ records: 1500 });
      const refs = await takeAll("a");
      expect(first).toEqual([0, 1, 2, 3, 4].map((i) => `${refs[0]!.chunk} ${i} record ${i} `));
      // "b" is not there yet; "a" has all: the last chunk is shown.
      expect(seen(await list.peek("b", 60)).at(-1)).toBe(`${refs[0]!.chunk} 59 record 59 `);
      expect((await list.peek("b", 5000)).length).toBe(1500);
      await list.ack("a", refs);
      expect(seen(await list.peek("a", 1))).toEqual([`${refs.at(-1)!.chunk} 0 record 1000 `]);
    });

    test("lag and usage follow the records", async () => {
      await push(records(2500));
      await claimAll(list);
      expect(await list.lag("a")).toMatchObject({ chunks: 3, records: 2500, live: 0 });
      const refs = await takeAll("a", 2);
      expect(await list.lag("a")).toMatchObject({ chunks: 3, records: 2500 });
      await list.ack("a", [refs[1]!]);
      expect(await list.lag("a")).toMatchObject({ chunks: 2, records: 1500 });
      await sleep(30);
      expect((await list.lag("a")).oldestMs).toBeGreaterThanOrEqual(25);
      const { records: kept, bytes } = await log.usage();
      expect(kept).toBeGreaterThanOrEqual(2500);
      expect(bytes).toBeGreaterThan(2500 * 8);
      await list.ack("a", [...refs, ...(await takeAll("a"))]);
      expect(await list.lag("a")).toEqual({ chunks: 0, records: 0, oldestMs: 0, live: 0 });
      expect(await list.lag("b")).toMatchObject({ chunks: 3, records: 2500 });
    });

    test("the bytes of a backlog are not those of its oldest records", async () => {
      await push(records(2));
      await claimAll(list);
      await push(Array.from({ length: 500 }, () => Buffer.alloc(2000, 1)));
      await claimAll(list);
      await log.close();
      log = engine.create([gateway]);
      await log.open(SINKS);
      expect((await log.usage()).bytes).toBeGreaterThan(400_000);
    });

    test("an acknowledged chunk stays done, whoever comes late", async () => {
      await push(records(1000));
      await claimAll(list);
      const refs = await takeAll("a");
      await list.ack("a", refs);
      await list.release("a", refs);
      expect(await list.extend("a", refs)).toEqual(refs);
      expect(await list.takeover("a", 10)).toEqual([]);
      expect(await takeAll("a")).toEqual([]);
    });
  });
}

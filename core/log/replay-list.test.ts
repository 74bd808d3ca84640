import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readAll } from "./conformance.ts";
import type { HomeList } from "./log.ts";
import { type ReplayLetter, ReplayList } from "./replay-list.ts";
import { openSqliteLog } from "./sqlite.ts";

interface Scene {
  home: HomeList;
  replays: ReplayList;
  letters: ReplayLetter[];
  /** As it was told. */
  givenUp: [sink: string, letters: number][];
}

/** Letters of one sink: those of a chunk at these indexes. */
async function scene(...chunks: number[][]): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-replay-"));
  const log = openSqliteLog({ folder, leaseMs: 1000, chunkRecords: 100, chunkBytes: 1 << 20 });
  onTestFinished(async () => {
    await log.close();
    rmSync(folder, { recursive: true });
  });
  await log.open([{ name: "a", fingerprint: "" }]);
  const home = log.lists[0]!;
  const all = chunks.flatMap((indexes, chunk) => indexes.map((index) => ({ chunk: `c${chunk}`, index })));
  const ids = await home.addLetters(
    "a",
    all.map((one) => ({ ...one, reason: "no", raw: Buffer.from(`${one.chunk} ${one.index}`) })),
  );
  const letters = all.map((one, i) => ({ ...one, ids: [ids[i]!], bytes: 6 }));
  const givenUp: Scene["givenUp"] = [];
  const replays = new ReplayList("msgpack", (...what) => void givenUp.push(what));
  return { home, replays, letters, givenUp };
}

const take = async (list: ReplayList, chunks = 100) => (await list.take([{ sink: "a", chunks }]))[0]!;
const left = async (home: HomeList) =>
  (await home.listLetters(null, 1000)).map(({ chunk, index }) => `${chunk} ${index}`);

test("neighbours come together, under one name, with the indexes that they had", async () => {
  const { home, replays, letters } = await scene([3, 4, 5, 9], [6]);
  expect(replays.add("a", home, letters.toReversed())).toBe(5);
  expect(await replays.lag("a")).toMatchObject({ chunks: 3, records: 5, live: 0 });
  const refs = await take(replays);
  expect(refs.map(({ chunk, first, records, redelivered }) => [chunk, first, records, redelivered])).toEqual([
    [`c0~${letters[2]!.ids[0]}`, 3, 3, true],
    [`c0~${letters[3]!.ids[0]}`, 9, 1, true],
    [`c1~${letters[4]!.ids[0]}`, 6, 1, true],
  ]);
  expect(await readAll(replays, refs[0]!)).toEqual(["c0 3", "c0 4", "c0 5"]);
  // A small slab: page by page.
  expect(await readAll(replays, refs[0]!, 16)).toEqual(["c0 3", "c0 4", "c0 5"]);
  expect(replays.add("a", home, letters)).toBe(0);
  await replays.ack("a", [refs[0]!]);
  expect(await left(home)).toEqual(["c0 9", "c1 6"]);
  expect(await replays.extend("a", refs)).toEqual([refs[0]]);
  await replays.ack("a", refs);
  expect(await left(home)).toEqual([]);
  expect(await replays.lag("a")).toEqual({ chunks: 0, records: 0, oldestMs: 0, live: 0 });
});

test("refused again in a replay that ends there: the next one has another name, or marks would hide the record", async () => {
  const { home, replays, letters } = await scene([0, 1]);
  replays.add("a", home, letters);
  const [ref] = await take(replays);
  await replays.reject("a", ref!, [{ index: 0, reason: "still no" }]);
  await replays.release("a", [ref!]);
  const heads = await home.listLetters(null, 10);
  expect(heads.map(({ index, reason }) => [index, reason])).toEqual([
    [1, expect.any(String)],
    [0, "still no"],
  ]);
  replays.add(
    "a",
    home,
    heads.map(({ id, chunk, index }) => ({ ids: [id], chunk, index, bytes: 4 })),
  );
  const [again] = await take(replays);
  expect([again!.records, again!.chunk]).toEqual([2, `c0~${heads[1]!.id}`]);
  expect(again!.chunk).not.toBe(ref!.chunk);
});

test("refused again: the letter is replaced, and the acknowledgement does not take the new one", async () => {
  const { home, replays, letters } = await scene([0, 1, 2]);
  replays.add("a", home, letters);
  const [ref] = await take(replays);
  const ids = await replays.reject("a", ref!, [
    { index: 0, reason: "in doubt" },
    { index: 1, reason: "in doubt, too" },
    { index: 2, reason: "in doubt as well" },
  ]);
  await replays.dropLetters(ids);
  expect(await home.listLetters(null, 10)).toHaveLength(3);
  // Of three that were doubted one is refused after all.
  await replays.reject("a", ref!, [{ index: 1, reason: "still no" }]);
  await replays.ack("a", [ref!]);
  const [only, ...more] = await home.listLetters(null, 10);
  expect(more).toEqual([]);
  expect(only).toMatchObject({ chunk: "c0", index: 1, reason: "still no" });
  expect(replays.add("a", home, [{ ids: [only!.id], chunk: "c0", index: 1, bytes: 4 }])).toBe(1);
});

test("letters that somebody deleted on the way are left out, and their neighbours keep their indexes", async () => {
  const { home, replays, letters } = await scene([0, 1, 2, 3], [0]);
  replays.add("a", home, letters);
  await home.dropLetters([letters[1]!.ids[0]!, letters[4]!.ids[0]!]);
  const refs = await take(replays);
  expect(refs.map(({ first, records }) => [first, records])).toEqual([
    [0, 1],
    [2, 2],
  ]);
  expect(await readAll(replays, refs[1]!)).toEqual(["c0 2", "c0 3"]);
  await replays.ack("a", refs);
  expect(await replays.lag("a")).toMatchObject({ records: 0 });
});

test("handed back: nothing more of that sink goes out, and all can be taken up anew", async () => {
  const { home, replays, letters, givenUp } = await scene([0], [1], [2], [3]);
  replays.add("a", home, letters);
  const refs = await take(replays, 2);
  // Written by a call that was under way.
  await replays.release("a", [refs[1]!]);
  expect(givenUp).toEqual([["a", 3]]);
  await replays.ack("a", refs);
  expect(await left(home)).toEqual(["c1 1", "c2 2", "c3 3"]);
  expect(await take(replays)).toEqual([]);
  expect(replays.add("a", home, letters.slice(1))).toBe(3);
});

test("given up, or out of reach, while records are fetched", async () => {
  const { home, replays, letters } = await scene([0, 1], [5]);
  let trouble: (() => void) | null = null;
  const slow = new Proxy(home, {
    get(target, name) {
      if (name !== "getLetters") return Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name);
      return async (ids: string[]) => {
        trouble?.();
        return target.getLetters(ids);
      };
    },
  });
  replays.add("a", slow, letters);
  trouble = () => {
    throw new Error("away");
  };
  await expect(take(replays)).rejects.toThrow("away");
  expect(await replays.lag("a")).toMatchObject({ records: 3 });
  trouble = () => void replays.release("a", []);
  expect(await take(replays)).toEqual([]);
  trouble = null;
  expect(replays.add("a", slow, letters)).toBe(3);
  expect((await take(replays)).length).toBe(2);
});

test("a sink has so many bytes of them in hand, and no more", async () => {
  const { home, replays, letters } = await scene(...Array.from({ length: 40 }, () => [0]));
  replays.add(
    "a",
    home,
    letters.map((letter) => ({ ...letter, bytes: 1 << 20 })),
  );
  const refs = await take(replays, 1000);
  expect(refs).toHaveLength(16);
  expect(await take(replays, 1000)).toEqual([]);
  await replays.ack("a", refs);
  expect(await take(replays, 1000)).toHaveLength(16);
});

import { MsgpackCursor } from "../record/msgpack.ts";

/** Where a map's key and value lie in the slab. */
export interface Pair {
  readonly key: number;
  readonly keyEnd: number;
  readonly value: number;
  readonly end: number;
}

/** The pairs of a msgpack map, keys in byte order, of equal keys the last. `lists`: the values are lists of texts. */
export function sortedPairs(bytes: Buffer, p: number, lists: boolean): Pair[] {
  const cursor = new MsgpackCursor(bytes, p);
  const pairs = new Map<string, Pair>();
  for (let left = cursor.enter(); left > 0; left--) {
    const key = cursor.text();
    const keyEnd = cursor.p;
    let value = keyEnd;
    if (lists) cursor.skipTexts();
    else value = cursor.text();
    // Latin-1 keeps the order of bytes.
    pairs.set(bytes.latin1Slice(key, keyEnd), { key, keyEnd, value, end: cursor.p });
  }
  if (pairs.size < 2) return [...pairs.values()];
  return [...pairs.keys()].sort().map((name) => pairs.get(name)!);
}

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
  const size = cursor.enter();
  if (size === 0) return [];
  if (size === 1) return [pairAt(cursor, lists)];
  const pairs = new Map<string, Pair>();
  for (let left = size; left > 0; left--) {
    const pair = pairAt(cursor, lists);
    // Latin-1 keeps the order of bytes.
    pairs.set(bytes.latin1Slice(pair.key, pair.keyEnd), pair);
  }
  return [...pairs.keys()].sort().map((name) => pairs.get(name)!);
}

function pairAt(cursor: MsgpackCursor, list: boolean): Pair {
  const key = cursor.text();
  const keyEnd = cursor.p;
  let value = keyEnd;
  if (list) cursor.skipTexts();
  else value = cursor.text();
  return { key, keyEnd, value, end: cursor.p };
}

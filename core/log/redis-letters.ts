import type { Connection } from "./connection.ts";
import type { ListKeys } from "./keys.ts";
import type { ChunkRef, DeadLetter, LetterHead, NewLetter } from "./log.ts";
import { ADD_LETTERS, DROP_LETTERS, LIST_LETTERS, REJECT, REPLACE_LETTERS } from "./scripts.ts";
import { FIRST_ID, isId, millisOf, nextId } from "./stream-id.ts";

/** Letters of one script call: each copies a record. */
const LETTERS = 100;

export async function writeLetters(
  { run }: Connection,
  keys: ListKeys,
  sink: string,
  ref: ChunkRef,
  blockKey: string,
  letters: readonly { index: number; reason: string }[],
): Promise<string[]> {
  const start = -(ref.behind + ref.records);
  const ids: string[] = [];
  for (let i = 0; i < letters.length; i += LETTERS) {
    const some = letters.slice(i, i + LETTERS).flatMap(({ index, reason }) => [index, reason]);
    const logs = [keys.log, blockKey, keys.dead, keys.letters];
    ids.push(...((await run(REJECT, logs, [sink, ref.chunk, start, ...some], keys.dead)) as string[]));
  }
  return ids;
}

export async function addLetters(
  { run }: Connection,
  keys: ListKeys,
  sink: string,
  letters: readonly NewLetter[],
): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < letters.length; i += LETTERS) {
    const some = letters.slice(i, i + LETTERS).flatMap(({ chunk, index, reason, raw }) => {
      return [chunk, index, reason, Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)];
    });
    const added = await run(ADD_LETTERS, [keys.log, keys.dead, keys.letters], [sink, ...some], keys.dead);
    ids.push(...(added as string[]));
  }
  return ids;
}

export async function countLetters(
  { send }: Connection,
  keys: ListKeys,
  sink: string,
): Promise<{ records: number; bytes: number }> {
  const [n, b] = (await send("HMGET", [keys.letters, `n:${sink}`, `b:${sink}`], keys.letters)) as (string | null)[];
  return { records: Math.max(0, Number(n ?? 0)), bytes: Math.max(0, Number(b ?? 0)) };
}

export async function readLetters(
  { sendBuffers }: Connection,
  keys: ListKeys,
  after: string | null,
  limit: number,
): Promise<DeadLetter[]> {
  const from = nextId(after ?? FIRST_ID);
  const entries = await sendBuffers("XRANGE", [keys.dead, from, "+", "COUNT", limit], keys.dead);
  const seen = new Set<string>();
  return (entries as Entry[]).map(parseLetter).filter(({ sink, chunk, index }) => {
    const identity = `${chunk}.${index} ${sink}`;
    return !seen.has(identity) && seen.add(identity);
  });
}

export async function listLetters(
  { run }: Connection,
  keys: ListKeys,
  after: string | null,
  limit: number,
): Promise<LetterHead[]> {
  const found = await run(LIST_LETTERS, [keys.dead], [nextId(after ?? FIRST_ID), limit], keys.dead);
  return (found as [string, string, string, string, string, number][]).map(
    ([id, sink, chunk, index, reason, bytes]) => {
      return { id, sink, chunk, index: Number(index), reason, at: millisOf(id), bytes };
    },
  );
}

export async function getLetters(
  { sendBuffers }: Connection,
  keys: ListKeys,
  ids: readonly string[],
): Promise<DeadLetter[]> {
  const found = await Promise.all(
    ids.filter(isId).map((id) => sendBuffers("XRANGE", [keys.dead, id, id], keys.dead) as Promise<Entry[]>),
  );
  return found.flat().map(parseLetter);
}

export async function replaceLetters(
  { run }: Connection,
  keys: ListKeys,
  letters: readonly { id: string; reason: string }[],
): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < letters.length; i += LETTERS) {
    const some = letters.slice(i, i + LETTERS).flatMap(({ id, reason }) => [id, reason]);
    ids.push(...((await run(REPLACE_LETTERS, [keys.log, keys.dead], some, keys.dead)) as string[]));
  }
  return ids;
}

export async function dropLetters({ run }: Connection, keys: ListKeys, ids: readonly string[]): Promise<number> {
  const known = ids.filter(isId);
  let dropped = 0;
  for (let i = 0; i < known.length; i += LETTERS) {
    dropped += (await run(DROP_LETTERS, [keys.dead, keys.letters], known.slice(i, i + LETTERS), keys.dead)) as number;
  }
  return dropped;
}

/** An entry of the stream: its id, and its fields and values by turns. */
type Entry = [id: Buffer, fields: Buffer[]];

function parseLetter([idBytes, fields]: Entry): DeadLetter {
  const id = idBytes.toString();
  const text = (at: number) => fields[at]?.toString() ?? "";
  const [sink, chunk, index, reason] = [text(1), text(3), Number(text(5)), text(7)];
  return { id, sink, chunk, index, reason, at: millisOf(id), raw: fields[9] ?? Buffer.alloc(0) };
}

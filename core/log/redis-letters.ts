import type { Connection } from "./connection.ts";
import type { ListKeys } from "./keys.ts";
import type { ChunkRef, DeadLetter, NewLetter } from "./log.ts";
import { ADD_LETTERS, DROP_LETTERS, REJECT } from "./scripts.ts";
import { FIRST_ID, millisOf, nextId } from "./stream-id.ts";

/** Letters of one script call: each copies a record. */
const LETTERS = 100;

export async function writeLetters(
  { run }: Connection,
  keys: ListKeys,
  sink: string,
  ref: ChunkRef,
  blockKey: string,
  letters: readonly { index: number; reason: string }[],
): Promise<void> {
  const start = -(ref.behind + ref.records);
  for (let i = 0; i < letters.length; i += LETTERS) {
    const some = letters.slice(i, i + LETTERS).flatMap(({ index, reason }) => [index, reason]);
    await run(REJECT, [keys.log, blockKey, keys.dead, keys.letters], [sink, ref.chunk, start, ...some], keys.dead);
  }
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

export async function listLetters(
  { sendBuffers }: Connection,
  keys: ListKeys,
  after: string | null,
  limit: number,
): Promise<DeadLetter[]> {
  const from = nextId(after ?? FIRST_ID);
  const entries = (await sendBuffers("XRANGE", [keys.dead, from, "+", "COUNT", limit], keys.dead)) as [
    Buffer,
    Buffer[],
  ][];
  const seen = new Set<string>();
  const letters: DeadLetter[] = [];
  for (const [idBytes, fields] of entries) {
    const id = idBytes.toString();
    const text = (at: number) => fields[at]?.toString() ?? "";
    const [sink, chunk, index, reason] = [text(1), text(3), Number(text(5)), text(7)];
    const identity = `${chunk}.${index} ${sink}`;
    if (seen.has(identity)) continue;
    seen.add(identity);
    letters.push({ id, sink, chunk, index, reason, at: millisOf(id), raw: fields[9] ?? Buffer.alloc(0) });
  }
  return letters;
}

export async function dropLetters({ run }: Connection, keys: ListKeys, ids: readonly string[]): Promise<number> {
  let dropped = 0;
  for (let i = 0; i < ids.length; i += LETTERS) {
    dropped += (await run(DROP_LETTERS, [keys.dead, keys.letters], ids.slice(i, i + LETTERS), keys.dead)) as number;
  }
  return dropped;
}

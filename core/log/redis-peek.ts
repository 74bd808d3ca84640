import type { Connection } from "./connection.ts";
import type { ListKeys } from "./keys.ts";
import type { Peeked } from "./log.ts";
import { lastEntry, readEntries } from "./redis-entries.ts";
import { groupsOf } from "./redis-groups.ts";
import { FIRST_ID, nextId } from "./stream-id.ts";

/** Chunks looked into. */
const CHUNKS = 4;
/** Records of one command, and bytes after which no further is asked for. */
const STEP = 25;
const MOST_BYTES = 8 << 20;

/** Reads only: takes, claims and removes nothing. */
export async function peek(connection: Connection, keys: ListKeys, sink: string, records: number): Promise<Peeked[]> {
  const { send, sendBuffers } = connection;
  const peeked: Peeked[] = [];
  let bytes = 0;
  /** Elements [start, start + count) of a list. */
  const look = async (key: string, start: number, count: number, chunk: string): Promise<void> => {
    for (let i = 0; i < count && peeked.length < records && bytes < MOST_BYTES; i += STEP) {
      const last = start + Math.min(i + STEP, count, i + records - peeked.length) - 1;
      const raws = (await sendBuffers("LRANGE", [key, start + i, last], key)) as Buffer[];
      for (const [at, raw] of raws.entries()) peeked.push({ chunk, index: i + at, raw });
      bytes += raws.reduce((sum, raw) => sum + raw.length, 0);
    }
  };

  const groups = await groupsOf(connection, keys);
  const last = groups.find(({ name }) => name === sink)?.lastDelivered ?? FIRST_ID;
  let entries = await readEntries(send, keys.log, nextId(last), "+", CHUNKS);
  if (entries.length === 0) {
    const newest = await lastEntry(send, keys.log);
    entries = newest ? [newest] : [];
  }
  for (const { entry, block, records: count, behind } of entries) {
    await look(keys.block(block), -(behind + count), count, `${entry}.${block}`);
  }
  if (peeked.length < records) await look(keys.live, 0, records - peeked.length, "");
  return peeked;
}

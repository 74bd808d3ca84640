import type { Connection } from "./connection.ts";
import type { ListKeys } from "./keys.ts";
import type { Lag } from "./log.ts";
import { lastEntry, readEntries, readPending, serverMillis } from "./redis-entries.ts";
import { groupsOf } from "./redis-groups.ts";
import { FIRST_ID, millisOf, nextId } from "./stream-id.ts";

/** Unread chunks counted one by one; beyond, by the mean size. */
const COUNTED = 64;
const PENDING = 1000;

/**
 * From the running totals, not from XINFO's lag (that is null after a deletion in the middle, and not there before
 * Redis 7). Unread records are exact; held ones too, up to a thousand chunks.
 */
export async function lagOf(connection: Connection, keys: ListKeys, sink: string): Promise<Lag> {
  const { send } = connection;
  const [groups, last, live, now] = await Promise.all([
    groupsOf(connection, keys),
    lastEntry(send, keys.log),
    send("LLEN", [keys.live], keys.live),
    serverMillis(send, keys.log),
  ]);
  const lag: Lag = { chunks: 0, records: 0, oldestMs: 0, live: live as number };
  if (last === undefined) return lag;
  const group = groups.find(({ name }) => name === sink);
  const [unread, held] = await Promise.all([
    readEntries(send, keys.log, nextId(group?.lastDelivered ?? FIRST_ID), "+", COUNTED),
    (group?.pending ?? 0) > 0 ? readPending(send, keys.log, sink, "-", PENDING) : [],
  ]);
  const heldEntries =
    held.length === 0 ? [] : await readEntries(send, keys.log, held[0]!.entry, held.at(-1)!.entry, 2 * PENDING);
  const heldIds = new Set(held.map(({ entry }) => entry));

  const [first] = unread;
  const counted = unread.reduce((sum, { records }) => sum + records, 0);
  const unreadRecords = first === undefined ? 0 : Math.max(last.total - first.total + first.records, counted);
  const unreadChunks =
    unread.length < COUNTED ? unread.length : Math.round(unreadRecords / Math.max(1, counted / unread.length));
  for (const { entry, records } of heldEntries) if (heldIds.has(entry)) lag.records += records;
  lag.records += unreadRecords;
  lag.chunks = unreadChunks + (group?.pending ?? 0);
  const oldest = held[0]?.entry ?? first?.entry;
  if (oldest !== undefined) lag.oldestMs = Math.max(0, now - millisOf(oldest));
  return lag;
}

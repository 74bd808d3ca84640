import type { Connection } from "./connection.ts";
import type { ListKeys } from "./keys.ts";
import { readEntries, readPending, serverMillis } from "./redis-entries.ts";
import { groupsOf, readRegistrations } from "./redis-groups.ts";
import { DELETE } from "./scripts.ts";
import { compareIds, FIRST_ID, millisOf } from "./stream-id.ts";

const ENTRIES = 500;
const PENDING = 1000;
/** Rounds of one call: enough for what a second can claim. */
const ROUNDS = 20;

/**
 * Deletes the chunks that every group has seen and none has pending. "Delivered and not pending" never reverts, so any
 * delay between the steps, and any number of sweepers, is safe. While a registered sink has no group nothing is deleted.
 */
export async function sweepLog(connection: Connection, keys: ListKeys, ageMs: number): Promise<number> {
  let swept = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const n = await sweepOnce(connection, keys, ageMs);
    swept += n;
    if (n < ENTRIES) break;
  }
  return swept;
}

async function sweepOnce(connection: Connection, keys: ListKeys, ageMs: number): Promise<number> {
  const { send } = connection;
  const [groups, registered] = await Promise.all([groupsOf(connection, keys), readRegistrations(connection, keys)]);
  const names = new Set(groups.map(({ name }) => name));
  if (groups.length === 0 || [...registered.keys()].some((name) => !names.has(name))) return 0;

  let low = groups.map(({ lastDelivered }) => lastDelivered).reduce((a, b) => (compareIds(a, b) < 0 ? a : b));
  if (compareIds(low, FIRST_ID) === 0) return 0;
  const pages = await Promise.all(
    groups.filter(({ pending }) => pending > 0).map(({ name }) => readPending(send, keys.log, name, "-", PENDING)),
  );
  const pending = new Set<string>();
  for (const page of pages) {
    for (const { entry } of page) pending.add(entry);
    // Behind a full page we are blind.
    const last = page.at(-1);
    if (page.length >= PENDING && compareIds(last!.entry, low) < 0) low = last!.entry;
  }

  const [now, entries] = await Promise.all([
    serverMillis(send, keys.log),
    readEntries(send, keys.log, "-", low, ENTRIES),
  ]);
  const dead = entries.filter(({ entry }) => !pending.has(entry) && now - millisOf(entry) >= ageMs);
  if (dead.length === 0) return 0;
  const chunks = dead.map(({ id }) => keys.chunk(id));
  await connection.run(
    DELETE,
    [keys.log, ...chunks],
    dead.map(({ entry }) => entry),
    keys.log,
  );
  return dead.length;
}

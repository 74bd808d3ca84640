import type { Connection } from "./connection.ts";
import type { ListKeys } from "./keys.ts";
import { type Descriptor, readEntries, readPending } from "./redis-entries.ts";
import { groupsOf, readRegistrations } from "./redis-groups.ts";
import { DELETE } from "./scripts.ts";
import { compareIds, FIRST_ID } from "./stream-id.ts";

const ENTRIES = 500;
const PENDING = 1000;
/** Rounds of one call: enough for what a second can claim. */
const ROUNDS = 20;
/** Chunks cut off a block at once: the server frees their memory before it goes on, other than that of a whole block. */
const CUT = 32;

/**
 * Deletes the chunks that every group has seen and none has pending, of a block only those that no chunk still needed lies
 * before. "Delivered and not pending" never reverts, so any delay between the steps, and any number of sweepers, is safe.
 * While a registered sink has no group nothing is deleted.
 */
export async function sweepLog(connection: Connection, keys: ListKeys): Promise<number> {
  let swept = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const n = await sweepOnce(connection, keys);
    swept += n;
    if (n === 0) break;
  }
  return swept;
}

async function sweepOnce(connection: Connection, keys: ListKeys): Promise<number> {
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

  const entries = await readEntries(send, keys.log, "-", low, ENTRIES);
  const heads = deadHeads(entries, ({ entry }) => !pending.has(entry));
  if (heads.length === 0) return 0;
  const dead = heads.flat();
  await connection.run(
    DELETE,
    [keys.log, ...heads.map(([first]) => keys.block(first!.block))],
    [...heads.map((head) => head.at(-1)!.behind), ...dead.map(({ entry }) => entry)],
    keys.log,
  );
  return dead.length;
}

/** Of each block, its first chunks as far as all of them are dead. */
function deadHeads(entries: readonly Descriptor[], isDead: (descriptor: Descriptor) => boolean): Descriptor[][] {
  const heads: Descriptor[][] = [];
  for (const chunks of Map.groupBy(entries, ({ block }) => block).values()) {
    const alive = chunks.findIndex((chunk) => !isDead(chunk));
    const head = alive < 0 ? chunks : chunks.slice(0, alive);
    if (head.length > 0) heads.push(head.at(-1)!.behind === 0 ? head : head.slice(0, CUT));
  }
  return heads;
}

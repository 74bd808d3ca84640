import type { Connection, Reply } from "./connection.ts";
import { isLogError, LOG_ERROR_CODES, LogError } from "./errors.ts";
import type { ListKeys } from "./keys.ts";
import type { SinkEntry, Spools } from "./log.ts";
import { GROUPS } from "./scripts.ts";

export interface Group {
  name: string;
  pending: number;
  lastDelivered: string;
}

/** What an instance writes about its sinks, for the others. */
export interface Registration {
  seen: number;
  fingerprint: string;
  by: string;
  /** Records on instances' disks. */
  spools?: Spools;
}

/** The consumer groups of a log; none when there is no log yet. */
export async function groupsOf({ send }: Connection, keys: ListKeys): Promise<Group[]> {
  let reply: Reply;
  try {
    reply = await send("XINFO", ["GROUPS", keys.log], keys.log);
  } catch (error) {
    if (error instanceof LogError && error.message.includes("no such key")) return [];
    throw error;
  }
  return (reply as Reply[][]).map((flat) => {
    const field = (name: string) => flat[flat.indexOf(name) + 1];
    return {
      name: field("name") as string,
      pending: field("pending") as number,
      lastDelivered: field("last-delivered-id") as string,
    };
  });
}

/** Where the sinks of all instances are written before any list holds something. */
export interface Registry {
  connection: Connection;
  keys: ListKeys;
}

/**
 * Makes sure that each sink has its group, so that no chunk can be swept before it was that sink's: in a list that is new, also those
 * that only other instances have, who may not have looked yet. False: the list never held anything, and nothing is made, except in
 * the registry's own. Groups begin at 0: one that was lost must see again what is there.
 */
export async function ensureGroups(
  connection: Connection,
  keys: ListKeys,
  sinks: readonly SinkEntry[],
  consumer: string,
  registry: Registry,
): Promise<boolean> {
  const { send } = connection;
  const isRegistry = registry.keys.log === keys.log;
  // One by one: while a slot of a cluster moves, keys of it may lie on two nodes.
  const there = await Promise.all([keys.live, keys.log].map((key) => send("EXISTS", [key], key)));
  const used = there.some((n) => n !== 0);
  if (!used && !isRegistry) return false;
  const known = new Set((await groupsOf(connection, keys)).map(({ name }) => name));
  const others = known.size === 0 && !isRegistry ? await foreignSinks(registry, sinks) : [];
  const missing = [...sinks.filter(({ name }) => !known.has(name)), ...others];
  if (missing.length === 0) return used;
  await registerSinks(connection, keys, missing, consumer);
  return true;
}

async function foreignSinks({ connection, keys }: Registry, own: readonly SinkEntry[]): Promise<SinkEntry[]> {
  const registered = await readRegistrations(connection, keys).catch((error) => {
    // That list alone is broken, or on another node, which is away: what waits here must be claimed before the gateway's expiry strikes.
    if (isLogError(error, LOG_ERROR_CODES.wrongType) || isLogError(error, LOG_ERROR_CODES.unavailable)) {
      return new Map<string, Registration>();
    }
    throw error;
  });
  for (const { name } of own) registered.delete(name);
  return [...registered].map(([name, { fingerprint }]) => ({ name, fingerprint }));
}

/** Tells the other instances of these sinks, and makes the groups that are missing; also out of memory. */
export async function registerSinks(
  { run, clockOffset }: Connection,
  keys: ListKeys,
  sinks: readonly SinkEntry[],
  consumer: string,
): Promise<void> {
  if (sinks.length === 0) return;
  const seen = Math.round(Date.now() + clockOffset);
  const fields = sinks.flatMap(({ name, fingerprint, spools = {} }) => {
    const filled = Object.entries(spools).filter(([, records]) => records > 0);
    const more = filled.length > 0 ? { spools: Object.fromEntries(filled) } : {};
    const registration: Registration = { seen, fingerprint, by: consumer, ...more };
    return [name, JSON.stringify(registration)];
  });
  await run(GROUPS, [keys.live, keys.log, keys.sinks], fields, keys.log);
}

export async function readRegistrations({ send }: Connection, keys: ListKeys): Promise<Map<string, Registration>> {
  const flat = (await send("HGETALL", [keys.sinks], keys.sinks)) as string[];
  const found = new Map<string, Registration>();
  for (let i = 0; i + 1 < flat.length; i += 2) found.set(flat[i]!, parseRegistration(flat[i + 1]!));
  return found;
}

function parseRegistration(text: string): Registration {
  try {
    const { seen, fingerprint, by, spools } = JSON.parse(text) as Partial<Registration>;
    const told = Object.entries(spools ?? {}).map(([id, records]): [string, number] => [id, Number(records) || 0]);
    return {
      seen: Number(seen ?? 0),
      fingerprint: String(fingerprint ?? ""),
      by: String(by ?? ""),
      ...(told.length > 0 && { spools: Object.fromEntries(told) }),
    };
  } catch {
    // Whatever a hand wrote there, the name counts.
    return { seen: 0, fingerprint: "", by: "" };
  }
}

export function isNoGroup(error: unknown): boolean {
  return isLogError(error, LOG_ERROR_CODES.noGroup);
}

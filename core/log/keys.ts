import type { Kind, Wire } from "@sluice/sdk";

/** One of the gateway's lists, and how its records are written. */
export interface GatewayList {
  name: string;
  wire: Wire;
}

/** Names of one list's keys. */
export interface ListKeys {
  live: string;
  /**
   * Stream, one entry a chunk: `c` block, `n` records, `t` running total, `b` records behind it in its block. A block's
   * entries follow one another.
   */
  log: string;
  /** Hash, sink -> {seen, fingerprint, by}. */
  sinks: string;
  /** Stream of dead letters. */
  dead: string;
  /** String: the instance that tests services. */
  seat: string;
  /** Hash, `n:<sink>` and `b:<sink>`: dead letters kept and their bytes. */
  letters: string;
  /** List that an instance with a log on disk has taken, and copies. */
  intake(instance: string, n: number | string): string;
  /** List of one or more chunks. Records only ever leave it at its head, so that a chunk is found from its tail. */
  block(id: string): string;
}

export const DEFAULT_KEY_PREFIX = "analytics-";

const SINGLE = "tyk-system-analytics";
const SUFFIXES = ["", ...Array.from({ length: 10 }, (_, i) => `_${i}`)];

/** The 22 lists that the gateway may write to, in the order in which Tyk Pump drains them. */
export function analyticsLists(keyPrefix: string): GatewayList[] {
  return SUFFIXES.flatMap((suffix): GatewayList[] => [
    { name: `${keyPrefix}${SINGLE}${suffix}`, wire: "msgpack" },
    { name: `${keyPrefix}${SINGLE}${suffix}_protobuf`, wire: "protobuf" },
  ]);
}

/** The gateway's host checker writes here, whatever the prefix of the other lists. */
export const UPTIME_LIST: GatewayList = { name: "host-checker:tyk-uptime-analytics", wire: "uptime" };

/** All lists, in the order in which Tyk Pump drains them. */
export function gatewayLists(keyPrefix: string): GatewayList[] {
  return [...analyticsLists(keyPrefix), UPTIME_LIST];
}

/** Which records a list of this wire has, and so which sinks read it. */
export function kindOf(wire: Wire): Kind {
  return wire === "uptime" ? "uptime" : "analytics";
}

/**
 * The keys of a list lie in its own slot of a cluster, so that a script may touch them together: behind its name as it is
 * if that holds a hash tag (the text between the first `{` and the next `}`, if not empty), else behind the name in
 * braces. Never behind the tag alone: lists under a tagged prefix would share their keys.
 */
export function keysOf(list: string): ListKeys {
  const tag = hashTag(list) === null ? `{${list}}` : list;
  return {
    live: list,
    log: `${tag}:sluice:log`,
    sinks: `${tag}:sluice:sinks`,
    dead: `${tag}:sluice:dead`,
    letters: `${tag}:sluice:letters`,
    seat: `${tag}:sluice:seat`,
    intake: (instance, n) => `${tag}:sluice:in:${instance}:${n}`,
    block: (id) => `${tag}:sluice:c:${id}`,
  };
}

/** What alone decides on the slot of a key in a cluster; null: all of the key. */
export function hashTag(key: string): string | null {
  const open = key.indexOf("{");
  if (open < 0) return null;
  const close = key.indexOf("}", open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : null;
}

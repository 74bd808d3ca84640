import type { Address } from "../config/config.ts";
import type { Reply } from "./connection.ts";
import { hashTag } from "./keys.ts";

/** Redis Cluster's map of keys to masters. https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ */
export const SLOTS = 16384;

/** CRC16 (XMODEM) of the key's hash tag, or of all of the key. */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTag(key) ?? key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % SLOTS;
}

export interface SlotRange {
  from: number;
  to: number;
  master: Address;
}

/** The answer of CLUSTER SLOTS; a node that does not know its own address is where it was `asked`. */
export function parseSlots(reply: Reply, asked: Address): SlotRange[] {
  return (reply as [number, number, [string | null, number]][]).map(([from, to, [host, port]]) => ({
    from,
    to,
    master: { host: host || asked.host, port },
  }));
}

export interface Redirection {
  /** For this command only: the slot is on its way there. */
  ask: boolean;
  to: Address;
}

/** Where an error reply sends the command; nothing of it ran. An empty host is that of the node that answered. */
export function parseRedirection(text: string, answered: Address): Redirection | undefined {
  const match = /\b(MOVED|ASK) \d+ (\S*):(\d+)/.exec(text);
  return match
    ? { ask: match[1] === "ASK", to: { host: match[2] || answered.host, port: Number(match[3]) } }
    : undefined;
}

import type { Memory } from "../log/log.ts";

const GiB = 2 ** 30;
/** Of what Redis may use, where nothing is configured. */
const SHARE = 0.25;
/** Redis is full, whoever fills it, when so much of it is used... */
const USED = 0.8;
/** ...if the backlog has at least this share of its limit: else to clear it would not help. */
const WORTH = 0.25;
/** More is cleared than must be, so that the limit is not reached again at once. */
const CLEARED = 0.9;

export interface Fullness {
  limit: number;
  full: boolean;
  /** Bytes to be cleared before there is room again; zero or less: there is. */
  excess: number;
}

/** Of a backlog of so many bytes. `maxBytes` 0: by what Redis may use. */
export function fullness(maxBytes: number, memory: Memory | null, bytes: number): Fullness {
  const limit = maxBytes || (memory?.max ? memory.max * SHARE : GiB);
  const above = (share: number) => {
    const crowded = (memory?.used ?? 0) >= USED * share;
    return crowded ? Math.max(bytes - limit * share, bytes - limit * WORTH) : bytes - limit * share;
  };
  return { limit, full: above(1) > 0, excess: above(CLEARED) };
}

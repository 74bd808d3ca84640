import { analyticsSchema, uptimeSchema } from "./fields.ts";
import type { Wire } from "./types.ts";

/**
 * Where the values of records lie is found once for all threads that read the same slab: a word that says how far that is,
 * then the slots as a `RecordTable` has them. The thread that comes first scans; one that comes while it is at it scans for
 * itself. So nobody waits, and a thread that ends in the middle holds nobody up.
 */
export type SharedSlots = Uint32Array;

const FRESH = 0;
const CLAIMED = 1;
const SCANNED = 2;

/** Bytes of shared slots for so many records. None for protobuf: reading it may leave values outside of the slab. */
export function sharedSlotBytes(records: number, wire: Wire): number {
  if (wire === "protobuf") return 0;
  return 4 * (1 + records * (wire === "uptime" ? uptimeSchema : analyticsSchema).stride);
}

/** For the host, before any thread sees these bytes. */
export function resetSharedSlots(slab: SharedArrayBuffer, at: number): void {
  Atomics.store(new Uint32Array(slab, at, 1), 0, FRESH);
}

/** What the caller shall do: scan for all, take what is there, or scan for itself. */
export function claimSlots(shared: SharedSlots): "scan" | "take" | "own" {
  const state = Atomics.compareExchange(shared, 0, FRESH, CLAIMED);
  return state === FRESH ? "scan" : state === SCANNED ? "take" : "own";
}

export function publishSlots(shared: SharedSlots): void {
  Atomics.store(shared, 0, SCANNED);
}

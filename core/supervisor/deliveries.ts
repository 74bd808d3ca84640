import { channel } from "node:diagnostics_channel";

/** A piece of a chunk that a sink is done with. */
export interface Delivery {
  sink: string;
  list: string;
  chunk: string;
  /** Records [from, to) of the chunk. */
  from: number;
  to: number;
  /** On the wire. */
  bytes: number;
  /** Of them, dead letters. */
  rejected: number;
  /** From hand-over to settlement, ms of the monotonic clock. */
  sentAt: number;
  settledAt: number;
}

/** Who wants to hear of each delivery subscribes; nothing is made while nobody does. */
export const deliveries = channel("sluice:delivery");

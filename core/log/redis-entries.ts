import type { Reply, Send } from "./connection.ts";

/** A chunk's descriptor, as the stream holds it. */
export interface Descriptor {
  entry: string;
  /** Names the block's key. */
  block: string;
  records: number;
  /** Records ever claimed, this chunk included. */
  total: number;
  /** Records behind it in its block. */
  behind: number;
}

/** One entry of a group's pending list. */
export interface PendingEntry {
  entry: string;
  consumer: string;
  idleMs: number;
  deliveries: number;
}

/** An entry without our fields (a hand's work) is a chunk of nothing: it reads as missing and is acknowledged away. */
export function parseDescriptor(reply: Reply): Descriptor {
  const [entry, flat] = reply as [string, string[] | null];
  const field = (name: string) => {
    const at = flat?.indexOf(name) ?? -1;
    return at < 0 ? "" : (flat![at + 1] ?? "");
  };
  return { entry, block: field("c"), records: count(field("n")), total: count(field("t")), behind: count(field("b")) };
}

export async function readEntries(
  send: Send,
  log: string,
  from: string,
  to: string,
  limit: number,
): Promise<Descriptor[]> {
  return ((await send("XRANGE", [log, from, to, "COUNT", limit], log)) as Reply[]).map(parseDescriptor);
}

export async function lastEntry(send: Send, log: string): Promise<Descriptor | undefined> {
  const [last] = (await send("XREVRANGE", [log, "+", "-", "COUNT", 1], log)) as Reply[];
  return last === undefined ? undefined : parseDescriptor(last);
}

export async function readPending(
  send: Send,
  log: string,
  sink: string,
  from: string,
  limit: number,
): Promise<PendingEntry[]> {
  const reply = (await send("XPENDING", [log, sink, from, "+", limit], log)) as [string, string, number, number][];
  return reply.map(([entry, consumer, idleMs, deliveries]) => ({ entry, consumer, idleMs, deliveries }));
}

export async function serverMillis(send: Send, about: string): Promise<number> {
  const [seconds, micros] = (await send("TIME", [], about)) as [string, string];
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

function count(text: string): number {
  const n = Number(text);
  return Number.isSafeInteger(n) && n > 0 ? n : 0;
}

import type { Address, RedisLogConfig } from "../config/config.ts";
import { formatAddress } from "./address.ts";
import type { BulkReader } from "./bulk-reader.ts";
import { type Connection, type Route, runner, type Send } from "./connection.ts";
import { isLogError, LOG_ERROR_CODES, LogError, unavailable } from "./errors.ts";
import type { RedisNode } from "./node.ts";
import { parseRedirection, parseSlots, SLOTS, slotOf } from "./slots.ts";

/** Moves in a row that are followed; more, and the nodes do not agree. */
const HOPS = 5;
/** Least time between two looks at the map, ms. */
const LOOK_MS = 250;
/** A node without slots that nobody asked for so long is left, ms. */
const UNUSED_MS = 30_000;

interface Member {
  node: RedisNode;
  usedAt: number;
}

/**
 * Redis Cluster: a control and a bulk connection to each master. A command goes where its slot is; one that is refused with
 * MOVED or ASK never ran, so that it may be sent again, even a claim. Nothing else is ever sent twice.
 */
export function openCluster(config: RedisLogConfig, openNodeAt: (address: Address) => RedisNode): Route {
  const members = new Map<string, Member>();
  const owners = new Array<RedisNode | undefined>(SLOTS);
  let looking: Promise<void> | null = null;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;
  const where = config.nodes.map(formatAddress).join(", ");

  const nodeAt = (address: Address): RedisNode => {
    const name = formatAddress(address);
    let member = members.get(name);
    if (member === undefined) {
      member = { node: openNodeAt(address), usedAt: 0 };
      members.set(name, member);
      // It tries for ever; who needs it hears from its own commands.
      member.node.connect().catch(() => undefined);
    }
    member.usedAt = performance.now();
    return member.node;
  };

  const ask = async (node: RedisNode) => {
    await node.connect();
    return parseSlots(await node.send("CLUSTER", ["SLOTS"], node.where), node.address!);
  };

  /** Asks where the slots are: connected nodes one after the other, then all others at once. */
  const look = async () => {
    lookedAt = performance.now();
    for (const { node } of [...members.values()].filter((member) => member.node.connectedAt !== null)) {
      const ranges = await ask(node).catch(() => null);
      if (ranges !== null) return adopt(ranges);
    }
    for (const address of config.nodes) nodeAt(address);
    const all = [...members.values()].map(({ node }) => ask(node));
    const answer = await Promise.any(all).catch(({ errors }: AggregateError) => {
      throw errors.find((error) => !isLogError(error, LOG_ERROR_CODES.unavailable)) ?? errors[0] ?? unavailable(where);
    });
    adopt(answer);
  };

  const adopt = (ranges: ReturnType<typeof parseSlots>) => {
    if (closed) return;
    owners.fill(undefined);
    for (const { from, to, master } of ranges) owners.fill(nodeAt(master), from, to + 1);
    const used = new Set(owners);
    for (const [name, { node, usedAt }] of members) {
      if (used.has(node) || performance.now() - usedAt < UNUSED_MS) continue;
      members.delete(name);
      node.close();
    }
  };

  const lookAgain = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  };

  /** The map may be out of date. */
  const doubt = () => {
    if (timer !== null || closed) return;
    const again = () => {
      timer = null;
      lookAgain().catch(() => undefined);
    };
    timer = setTimeout(again, Math.max(0, lookedAt + LOOK_MS - performance.now()));
  };

  /** Runs `ask` on the node of the slot, and on those that it is sent on to. */
  const follow = async <T>(slot: number, ask: (node: RedisNode, asking: boolean) => Promise<T>): Promise<T> => {
    let node = owners[slot];
    let asking = false;
    for (let hop = 0; ; hop++) {
      if (node === undefined) {
        doubt();
        throw unavailable(where, new Error(`no node has slot ${slot}`));
      }
      try {
        return await ask(node, asking);
      } catch (error) {
        if (!isLogError(error, LOG_ERROR_CODES.unavailable) && !isLogError(error, LOG_ERROR_CODES.refused)) throw error;
        const redirection = parseRedirection(error.message, node.address ?? config.nodes[0]!);
        if (redirection === undefined || hop === HOPS) {
          if (!asking) doubt();
          throw error;
        }
        node = nodeAt(redirection.to);
        // It may be new to us.
        await node.connect();
        asking = redirection.ask;
        if (asking) continue;
        owners[slot] = node;
        doubt();
      }
    }
  };

  return {
    async connect() {
      await lookAgain();
      const masters = [...new Set(owners)].filter((node) => node !== undefined);
      const results = await Promise.allSettled(masters.map((node) => node.connect()));
      const failed = results.find((result) => result.status === "rejected");
      // One that is away stops only its own lists.
      if (failed !== undefined && results.every(({ status }) => status === "rejected")) throw failed.reason;
      const hopeless = results.find(
        (result) => result.status === "rejected" && !isLogError(result.reason, LOG_ERROR_CODES.unavailable),
      );
      if (hopeless?.status === "rejected") throw hopeless.reason;
      if (masters.length === 0)
        throw new LogError(LOG_ERROR_CODES.unavailable, `The cluster of ${where} has no slots.`);
    },
    to: (key) => slotConnection(slotOf(key), owners, follow),
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      for (const { node } of members.values()) node.close();
    },
  };
}

type Follow = <T>(slot: number, ask: (node: RedisNode, asking: boolean) => Promise<T>) => Promise<T>;

/** The connection of one list: to whatever node has its slot. */
function slotConnection(slot: number, owners: readonly (RedisNode | undefined)[], follow: Follow): Connection {
  let last: RedisNode | undefined;
  let lastEpoch = -1;
  let epoch = 0;
  let since = 0;

  /** The node of now; notes when it is another, or connected anew. */
  const now = () => {
    const node = owners[slot];
    if (node !== undefined && (node !== last || node.epoch !== lastEpoch)) {
      last = node;
      lastEpoch = node.epoch;
      epoch++;
      since = performance.now();
    }
    return node;
  };
  const send: Send = (command, args, about) =>
    follow(slot, (node, asking) => (asking ? node.asking : node).send(command, args, about));
  const sendBuffers: Send = (command, args, about) =>
    follow(slot, (node, asking) => (asking ? node.asking : node).sendBuffers(command, args, about));
  const reader: Pick<BulkReader, "range" | "reset"> = {
    range: (request) => follow(slot, (node, asking) => node.reader.range(request, asking)),
    reset: (why) => owners[slot]?.reader.reset(why),
  };
  return {
    send,
    sendBuffers,
    run: runner(send),
    reader,
    get where() {
      return owners[slot]?.where ?? "";
    },
    get connectedAt() {
      const connectedAt = now()?.connectedAt ?? null;
      return connectedAt === null ? null : Math.max(connectedAt, since);
    },
    get clockOffset() {
      return owners[slot]?.clockOffset ?? 0;
    },
    get epoch() {
      now();
      return epoch;
    },
  };
}

import { randomBytes } from "node:crypto";
import type { RedisLogConfig } from "../config/config.ts";
import { openBulkReader } from "./bulk-reader.ts";
import { openConnection, type Send } from "./connection.ts";
import { isLogError, LOG_ERROR_CODES, LogError } from "./errors.ts";
import { type GatewayList, gatewayLists, keysOf } from "./keys.ts";
import type { DeliveryLog, KnownSink, SinkEntry } from "./log.ts";
import { groupsOf, readRegistrations, registerSinks } from "./redis-groups.ts";
import { RedisList, type RedisShared } from "./redis-list.ts";
import { PROBE } from "./scripts.ts";

export type RedisEngineConfig = RedisLogConfig & { leaseMs: number; chunkRecords: number; chunkBytes: number };

export interface RedisLogOptions {
  /** The lists to drain; all of the gateway's. */
  lists?: readonly GatewayList[];
  /** Told of what an operator should know and nothing fails for: an eviction policy, two configurations of one sink. */
  warn?(message: string): void;
  /** No sweep so soon after the connection broke, ms; 10 s. */
  sweepGraceMs?: number;
  /** Wraps every control command: tests break the protocol here to see that they notice. */
  intercept?(send: Send): Send;
}

/** Behind a failover others may first have to make their groups again, if they were young. */
const SWEEP_GRACE_MS = 10_000;
/** Two instances with different configurations under one name: while both say so within this time, ms. */
const RECENT_MS = 30_000;

/**
 * The delivery log in the gateway's own Redis, version 5 or later, or Valkey: a stream of descriptors, a list a chunk, a
 * consumer group a sink. Nothing is sent before `open`; a broken connection is made again for ever.
 */
export function openRedisLog(config: RedisEngineConfig, options: RedisLogOptions = {}): DeliveryLog {
  const warn = options.warn ?? (() => undefined);
  const warned = new Set<string>();
  const warnOnce = (message: string) => {
    if (warned.has(message)) return;
    warned.add(message);
    warn(message);
  };
  const reader = openBulkReader(config);
  const connection = openConnection(config, {
    intercept: options.intercept,
    // It may come back as another server: never read chunks from the one of before.
    onClose: () => reader.reset("the control connection was lost"),
  });
  const shared: RedisShared = {
    connection,
    reader,
    consumer: randomBytes(9).toString("base64url"),
    leaseMs: config.leaseMs,
    chunkRecords: config.chunkRecords,
    chunkBytes: config.chunkBytes,
    sweepGraceMs: options.sweepGraceMs ?? SWEEP_GRACE_MS,
    sinks: [],
    claimMode: "sort",
  };
  const lists = (options.lists ?? gatewayLists(config.keyPrefix)).map((list) => new RedisList(list, shared));
  const used = async () => {
    const there = await Promise.all(lists.map((list) => unlessWrongType(list.ensure(), false, warnOnce)));
    return lists.filter((_, i) => there[i]);
  };

  const probe = async () => {
    const scratch = keysOf(`${lists[0]?.name ?? config.keyPrefix}`);
    const nonce = randomBytes(9).toString("base64url");
    const keys = ["a", "b", "log"].map((part) => scratch.block(`probe-${nonce}-${part}`));
    const refused = (await connection.run(PROBE, keys, [], scratch.log)) as string[];
    shared.claimMode = refused.some((line) => line.startsWith("SORT:")) ? "copy" : "sort";
    const needed = refused.filter((line) => !line.startsWith("SORT:"));
    if (needed.length === 0) return;
    throw new LogError(
      LOG_ERROR_CODES.refused,
      `Redis refuses commands that the log needs (${needed.join("; ")}). Allow them for the user, or make room if it is out of memory.`,
    );
  };

  const checkEviction = async () => {
    let info: string;
    try {
      info = (await connection.send("INFO", ["memory"], "INFO")) as string;
    } catch {
      return;
    }
    const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1];
    if (policy !== undefined && policy !== "noeviction" && !/maxmemory:0\b/.test(info)) {
      warnOnce(`Redis evicts keys when it is full (maxmemory-policy ${policy}): records may vanish. Set noeviction.`);
    }
  };

  const registerIn = async ({ keys, sinks }: RedisList) => {
    const others = await readRegistrations(connection, keys);
    for (const { name, fingerprint } of sinks) {
      const other = others.get(name);
      if (other === undefined || other.by === shared.consumer || other.fingerprint === fingerprint) continue;
      if (Date.now() + connection.clockOffset - other.seen > RECENT_MS) continue;
      warnOnce(`Another instance configures the sink ${name} differently: they share its records.`);
    }
    await registerSinks(connection, keys, sinks, shared.consumer);
  };

  const register = async (sinks: readonly SinkEntry[]) => {
    shared.sinks = sinks;
    await Promise.all((await used()).map((list) => unlessWrongType(registerIn(list), undefined, warnOnce)));
  };

  return {
    lists,
    async open(sinks) {
      await connection.connect();
      await probe();
      await checkEviction();
      try {
        await register(sinks);
      } catch (error) {
        // Out of memory, say: what is there can be delivered all the same.
        if (!isLogError(error, LOG_ERROR_CODES.refused)) throw error;
        warnOnce(error.message);
      }
    },
    register,
    async sinks() {
      const known = new Map<string, KnownSink>();
      for (const list of await used()) {
        const [groups, registered] = await Promise.all([
          groupsOf(connection, list.keys),
          readRegistrations(connection, list.keys),
        ]);
        for (const name of new Set([...groups.map((group) => group.name), ...registered.keys()])) {
          const { seen, fingerprint } = registered.get(name) ?? { seen: 0, fingerprint: "" };
          if ((known.get(name)?.seen ?? -1) < seen) known.set(name, { name, fingerprint, seen });
        }
      }
      return [...known.values()];
    },
    async forgetSink(name) {
      shared.sinks = shared.sinks.filter((sink) => sink.name !== name);
      for (const { keys } of await used()) {
        // First the name: a registered sink without a group stops the sweep.
        await connection.send("HDEL", [keys.sinks, name], keys.sinks);
        await connection.send("XGROUP", ["DESTROY", keys.log, name], keys.log);
      }
    },
    async usage() {
      const each = await Promise.all(
        lists
          .filter((list) => list.sinks.length > 0)
          .map((list) => unlessWrongType(list.usage(), { bytes: 0, records: 0 }, warnOnce)),
      );
      return each.reduce((sum, { bytes, records }) => ({ bytes: sum.bytes + bytes, records: sum.records + records }), {
        bytes: 0,
        records: 0,
      });
    },
    async close() {
      reader.close();
      connection.close();
    },
    get connectedAt() {
      return connection.connectedAt;
    },
  };
}

/** A key of a wrong type is that list's own trouble: its own calls throw, what is asked of all lists goes on. */
async function unlessWrongType<T>(result: Promise<T>, instead: T, warn: (message: string) => void): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (!isLogError(error, LOG_ERROR_CODES.wrongType)) throw error;
    warn(error.message);
    return instead;
  }
}

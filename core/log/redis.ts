import { randomBytes } from "node:crypto";
import type { RedisLogConfig } from "../config/config.ts";
import type { Connection, Link, Send } from "./connection.ts";
import { isLogError, LOG_ERROR_CODES, LogError } from "./errors.ts";
import { type GatewayList, gatewayLists, keysOf, kindOf, UPTIME_LIST } from "./keys.ts";
import { openLink } from "./link.ts";
import type { DeliveryLog, KnownSink, Memory, SinkEntry } from "./log.ts";
import { groupsOf, readRegistrations, registerSinks } from "./redis-groups.ts";
import { RedisList } from "./redis-list.ts";
import { redisReports } from "./redis-reports.ts";
import { PROBE, RENAME_SINK, TIDY } from "./scripts.ts";

export type RedisEngineConfig = RedisLogConfig & { leaseMs: number; chunkRecords: number; chunkBytes: number };

export interface RedisLogOptions {
  /** The lists to drain; all of the gateway's. */
  lists?: readonly GatewayList[];
  /** Told to whoever looks, as Tyk Pump tells its own, in the key `version-check-pump`. */
  version?: string;
  /** Told of what an operator should know and nothing fails for: an eviction policy, two configurations of one sink. */
  warn?(message: string): void;
  /** No sweep so soon after the connection broke, ms; 10 s. */
  sweepGraceMs?: number;
  /** Wraps every control command: tests break the protocol here to see that they notice. */
  intercept?(send: Send): Send;
  /** In place of connections to servers. */
  link?: Link;
}

/** What needs neither scripts nor streams. */
const ON_DISK = 'sluice.log.engine "disk"';
const VERSION_KEY = "version-check-pump";
/** Behind a failover others may first have to make their groups again, if they were young. */
const SWEEP_GRACE_MS = 10_000;
/** A process that holds nothing is forgotten when it was not seen for so long. */
const DAY_MS = 24 * 3600 * 1000;
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
  const link = options.link ?? openLink(config, options.intercept);
  const consumer = randomBytes(9).toString("base64url");
  const { leaseMs, chunkRecords, chunkBytes } = config;
  const sweepGraceMs = options.sweepGraceMs ?? SWEEP_GRACE_MS;
  const lists: RedisList[] = (options.lists ?? gatewayLists(config.keyPrefix)).map((list) => {
    const connection = link.to(keysOf(list.name).log);
    const registry = () => lists.find(({ wire }) => kindOf(wire) === kindOf(list.wire))!;
    return new RedisList(list, { connection, consumer, leaseMs, chunkRecords, chunkBytes, sweepGraceMs, registry });
  });

  /**
   * Asks all lists. What is wrong with one alone (a key of a wrong type, its node of a cluster away) does not stop the
   * others: `instead` stands for its answer. Throws when all are out of reach; where `needed` says what comes of it, also
   * when one is.
   */
  const onEach = async <T>(
    some: readonly RedisList[],
    ask: (list: RedisList) => Promise<T>,
    instead: T,
    needed?: string,
  ): Promise<T[]> => {
    let away = 0;
    return Promise.all(
      some.map(async (list) => {
        try {
          return await ask(list);
        } catch (error) {
          if (isLogError(error, LOG_ERROR_CODES.wrongType)) warnOnce(error.message);
          else if (!isLogError(error, LOG_ERROR_CODES.unavailable)) throw error;
          else if (needed !== undefined) {
            throw new LogError(error.code, `The list ${list.name} is out of reach, ${needed}. ${error.message}`, error);
          } else if (++away === some.length) throw error;
          return instead;
        }
      }),
    );
  };
  const used = async (needed?: string) => {
    const there = await onEach(lists, (list) => list.ensure(), false, needed);
    return lists.filter((_, i) => there[i]);
  };
  /** For what must be done in all lists, and can be done again. */
  const changeAll = async (change: (list: RedisList) => Promise<number>): Promise<number[]> => {
    const all = await used("and nothing was changed: a change is for all lists");
    return onEach(all, change, 0, "and others may be changed already: run this again when it is back");
  };

  /** On each server, by one of its lists. */
  const probe = async () => {
    const servers = Map.groupBy(lists, ({ connection }) => connection.where);
    await onEach(
      [...servers.values()].map(([list]) => list!),
      async (list) => {
        const claimMode = await probeServer(list.connection, list.name);
        for (const neighbour of servers.get(list.connection.where) ?? []) neighbour.claimMode = claimMode;
        await checkEviction(list.connection);
      },
      undefined,
    );
  };

  const probeServer = async (connection: Connection, name: string): Promise<"sort" | "copy"> => {
    const scratch = keysOf(name);
    const nonce = randomBytes(9).toString("base64url");
    const keys = ["a", "b", "log"].map((part) => scratch.block(`probe-${nonce}-${part}`));
    const refused = (await connection.run(PROBE, keys, [], scratch.log).catch(refuseScripts)) as string[];
    const needed = refused.filter((line) => !line.startsWith("SORT:"));
    if (needed.length === 0) return refused.length > 0 ? "copy" : "sort";
    throw new LogError(
      LOG_ERROR_CODES.refused,
      `Redis refuses commands that the log needs (${needed.join("; ")}). Allow them for the user (docs/redis.md has the line), make room if it is out of memory, or set ${ON_DISK}.`,
    );
  };

  const checkEviction = async (connection: Connection) => {
    const info = await memoryInfo(connection);
    const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1];
    if (policy !== undefined && policy !== "noeviction" && !/maxmemory:0\b/.test(info)) {
      warnOnce(`Redis evicts keys when it is full (maxmemory-policy ${policy}): records may vanish. Set noeviction.`);
    }
  };

  const registerIn = async ({ connection, keys, sinks }: RedisList) => {
    const others = await readRegistrations(connection, keys);
    // Counts of other instances' spools stay, so that a lost one is seen.
    const entries = sinks.map((sink) => ({ ...sink, spools: { ...others.get(sink.name)?.spools, ...sink.spools } }));
    for (const { name, fingerprint } of sinks) {
      const other = others.get(name);
      if (other === undefined || other.by === consumer || other.fingerprint === fingerprint) continue;
      if (Date.now() + connection.clockOffset - other.seen > RECENT_MS) continue;
      warnOnce(`Another instance configures the sink ${name} differently: they share its records.`);
    }
    await registerSinks(connection, keys, entries, consumer);
  };

  const register = async (sinks: readonly SinkEntry[]) => {
    for (const list of lists) list.registered = sinks;
    await onEach(await used(), registerIn, undefined);
  };

  /** Nothing depends on it. */
  const tellVersion = async (version: string) => {
    try {
      await link.to(VERSION_KEY).send("SET", [VERSION_KEY, version], VERSION_KEY);
    } catch (error) {
      warnOnce(`The version could not be stored: ${(error as Error).message}`);
    }
  };

  return {
    lists,
    reports: redisReports(link.to(keysOf(UPTIME_LIST.name).log), UPTIME_LIST.name, consumer),
    async open(sinks) {
      await link.connect();
      await probe();
      try {
        await register(sinks);
      } catch (error) {
        // Out of memory, say: what is there can be delivered all the same.
        if (!isLogError(error, LOG_ERROR_CODES.refused)) throw error;
        warnOnce(error.message);
      }
      if (options.version !== undefined) await tellVersion(options.version);
    },
    register,
    async sinks() {
      const known = new Map<string, KnownSink>();
      for (const { connection, keys, name: list } of await used()) {
        const [groups, registered] = await Promise.all([
          groupsOf(connection, keys),
          readRegistrations(connection, keys),
        ]);
        for (const name of new Set([...groups.map((group) => group.name), ...registered.keys()])) {
          const { seen = 0, fingerprint = "", spools = {} } = registered.get(name) ?? {};
          const before = known.get(name);
          const lists = [...(before?.lists ?? []), list];
          const local = seen === 0 ? 0 : seen - connection.clockOffset;
          if (before && before.seen >= local) known.set(name, { ...before, lists });
          else known.set(name, { name, fingerprint, spools, lists, seen: local });
        }
      }
      return [...known.values()];
    },
    async forgetSink(name) {
      for (const list of lists) list.registered = list.registered.filter((sink) => sink.name !== name);
      await changeAll(async ({ connection, keys }) => {
        // First the name: a registered sink without a group stops the sweep.
        await connection.send("HDEL", [keys.sinks, name], keys.sinks);
        // A list that nobody reads has no log, of which Redis would not destroy anything.
        if ((await groupsOf(connection, keys)).every((group) => group.name !== name)) return 0;
        return (await connection.send("XGROUP", ["DESTROY", keys.log, name], keys.log)) as number;
      });
    },
    async renameSink(from, to) {
      const answers = await changeAll(
        ({ connection, keys }) =>
          connection.run(RENAME_SINK, [keys.log, keys.sinks], [from, to], keys.log) as Promise<number>,
      );
      for (const list of lists) list.registered = list.registered.filter((sink) => sink.name !== from);
      return answers.includes(1);
    },
    async tidy() {
      const each = await onEach(
        await used(),
        async ({ connection, keys }) => {
          const groups = await groupsOf(connection, keys);
          const forgotten = groups.map(({ name }) => connection.run(TIDY, [keys.log], [name, DAY_MS], keys.log));
          return (await Promise.all(forgotten)).reduce<number>((sum, n) => sum + (n as number), 0);
        },
        0,
      );
      return each.reduce((sum, n) => sum + n, 0);
    },
    async memory() {
      const servers = Map.groupBy(lists, ({ connection }) => connection.where);
      const infos = await Promise.all([...servers.values()].map(([list]) => memoryInfo(list!.connection)));
      return infos.map(parseMemory).reduce(both);
    },
    async usage() {
      const read = lists.filter((list) => list.sinks.length > 0);
      const each = await onEach(read, (list) => list.usage(), { bytes: 0, records: 0 });
      return each.reduce((sum, { bytes, records }) => ({ bytes: sum.bytes + bytes, records: sum.records + records }), {
        bytes: 0,
        records: 0,
      });
    },
    signIn: (credential) => link.signIn(credential),
    async close() {
      link.close();
    },
    get connectedAt() {
      const each = lists.map(({ connection }) => connection.connectedAt);
      return each.reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)), 0);
    },
  };
}

/** Empty where it is refused. */
async function memoryInfo(connection: Connection): Promise<string> {
  try {
    return (await connection.send("INFO", ["memory"], "INFO")) as string;
  } catch {
    return "";
  }
}

function parseMemory(info: string): Memory | null {
  const [used, max] = ["used_memory", "maxmemory"].map((name) => new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1]);
  if (used === undefined || max === undefined) return null;
  return { max: Number(max), used: max === "0" ? 0 : Number(used) / Number(max) };
}

function both(a: Memory | null, b: Memory | null): Memory | null {
  return a && b && { max: a.max + b.max, used: Math.max(a.used, b.used) };
}

function refuseScripts(error: unknown): never {
  if (!(isLogError(error, LOG_ERROR_CODES.refused) && /NOPERM|unknown command/i.test(error.message))) throw error;
  throw new LogError(
    LOG_ERROR_CODES.refused,
    `Redis refuses scripts. Allow EVAL and EVALSHA for the user, or set ${ON_DISK}. ${error.message}`,
    error,
  );
}

import { isLogError, LOG_ERROR_CODES, LogError } from "./errors.ts";
import { DEFAULT_KEY_PREFIX, type GatewayList, gatewayLists, kindOf, UPTIME_LIST } from "./keys.ts";
import type { DeliveryLog, SinkEntry } from "./log.ts";
import { type Intake, SqliteList } from "./sqlite-list.ts";
import { SqliteStore } from "./sqlite-store.ts";

export interface SqliteEngineConfig {
  /** Holds `log.db`; made if it is not there. */
  folder: string;
  leaseMs: number;
  chunkRecords: number;
  chunkBytes: number;
}

export interface SqliteLogOptions {
  /** All of the gateway's, under Tyk's default prefix. */
  lists?: readonly GatewayList[];
  /** The file's most pages of 16 KiB; as many as the disk has room for. */
  maxPages?: number;
  /** Where the lists' records come from. */
  intake?: Intake;
}

/** The delivery log in one file of one process: what is appended is the log's, there is nothing to claim. */
export interface SqliteLog extends DeliveryLog {
  /**
   * Cuts the records into chunks of at most `chunkRecords` and `chunkBytes` and commits them, synced to disk, all or none.
   * Answers the number of chunks. The bytes are copied.
   */
  append(list: string, records: readonly Uint8Array[]): number;
}

/**
 * Opens nothing before `open`, which throws SLUICE_LOG_LOCKED when another process has the file. Leases live in memory:
 * after a restart all is free, and what is older than the restart counts as redelivered.
 */
export function openSqliteLog(config: SqliteEngineConfig, options: SqliteLogOptions = {}): SqliteLog {
  let store: SqliteStore | null = null;
  let connectedAt: number | null = null;

  const opened = (): SqliteStore => {
    if (store !== null) return store;
    throw new LogError(LOG_ERROR_CODES.unavailable, `The log in ${config.folder} is not open; call open first.`);
  };
  const lists = (options.lists ?? gatewayLists(DEFAULT_KEY_PREFIX)).map(
    ({ name, wire }) => new SqliteList(name, wire, opened, config, options.intake),
  );
  const register = (sinks: readonly SinkEntry[]) => {
    const known = new Set(
      opened()
        .sinks()
        .map(({ name }) => name),
    );
    opened().writeSinks(sinks);
    if (sinks.some(({ name }) => !known.has(name))) for (const list of lists) list.sinksChanged();
  };

  const append: SqliteLog["append"] = (list, records) => {
    opened();
    const target = lists.find(({ name }) => name === list);
    if (target === undefined) {
      throw new LogError(LOG_ERROR_CODES.refused, `The log in ${config.folder} has no list named ${list}.`);
    }
    return target.append(records);
  };

  return {
    lists,
    reports: {
      async push(reports) {
        append(UPTIME_LIST.name, reports);
        return 0;
      },
      // The file is one process's.
      hold: async () => true,
      leave: async () => undefined,
    },
    async open(sinks) {
      if (store === null) {
        store = new SqliteStore(config.folder, options.maxPages);
        connectedAt = performance.now();
      }
      register(sinks);
      try {
        await options.intake?.connect();
      } catch (error) {
        // What is here can be delivered all the same, and each claim says so.
        if (!isLogError(error, LOG_ERROR_CODES.unavailable)) throw error;
      }
    },
    async register(sinks) {
      register(sinks);
    },
    append,
    async sinks() {
      return opened()
        .sinks()
        .map(({ reads, ...sink }) => {
          const read = lists.filter(({ wire }) => kindOf(wire) === reads);
          return { ...sink, spools: {}, lists: read.map(({ name }) => name) };
        });
    },
    async forgetSink(name) {
      opened().forgetSink(name);
      for (const list of lists) list.forget(name);
    },
    async renameSink(from, to) {
      const renamed = opened().renameSink(from, to);
      for (const list of lists) list.forget(from);
      return renamed;
    },
    tidy: async () => 0,
    memory: async () => null,
    async usage() {
      return opened().usage();
    },
    signIn: (credential) => options.intake?.signIn(credential),
    async close() {
      options.intake?.close();
      store?.close();
      store = null;
      connectedAt = null;
    },
    get connectedAt() {
      return connectedAt;
    },
  };
}

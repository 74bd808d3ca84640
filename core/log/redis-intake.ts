import { randomBytes } from "node:crypto";
import type { RedisLogConfig } from "../config/config.ts";
import { fitting } from "./bulk-reader.ts";
import type { Connection, Link } from "./connection.ts";
import { cut } from "./cut.ts";
import { isLogError, LOG_ERROR_CODES, LogError, unavailable } from "./errors.ts";
import { keysOf } from "./keys.ts";
import { openLink } from "./link.ts";
import type { Intake } from "./sqlite-list.ts";
import type { SqliteStore } from "./sqlite-store.ts";

const LEAST_SLAB = 1 << 20;
/** Chunks of one page: each page is one sync of the disk. */
const PAGE_CHUNKS = 4;
/** A rewound Redis may hold again what was taken off it so many claims ago, at most. */
const LOOK_BACK = 1000;

interface Limits {
  chunkRecords: number;
  chunkBytes: number;
}

export interface IntakeOptions extends Limits {
  redis: RedisLogConfig;
  lists: readonly string[];
  /** Default: connections to that Redis. */
  link?: Link;
}

/**
 * Moves the gateway's lists into a file: the list is renamed to one of this file's own, copied page by page, each synced to
 * disk together with how far it is, and unlinked. Needs no script and no stream. What Redis still has is never deleted
 * before it is on disk; a Redis that comes back with what was deleted is copied again.
 */
export function openRedisIntake({ redis, lists, link = openLink(redis), ...limits }: IntakeOptions): Intake {
  const sources = new Map(lists.map((list) => [list, new Source(link.to(list))]));

  /** Asks for each command once, on keys that nobody has. */
  const probe = async (connection: Connection, list: string) => {
    const [a, b] = ["a", "b"].map((part) => keysOf(list).intake(`probe-${randomBytes(9).toString("base64url")}`, part));
    const commands: [string, string[]][] = [
      ...["EXISTS", "LLEN", "PERSIST", "UNLINK"].map((command): [string, string[]] => [command, [a!]]),
      ["LRANGE", [a!, "0", "0"]],
      ["RENAMENX", [a!, b!]],
    ];
    const refused: string[] = [];
    for (const [command, args] of commands) {
      try {
        await connection.send(command, args, list);
      } catch (error) {
        if (isLogError(error, LOG_ERROR_CODES.refused)) refused.push(`${command}: ${error.message}`);
        else if (!/no such key/.test(String(error))) throw error;
      }
    }
    if (refused.length === 0) return;
    throw new LogError(
      LOG_ERROR_CODES.refused,
      `Redis refuses commands that even the log on disk needs (${refused.join("; ")}). Allow them for the user: +exists +llen +lrange +persist +renamenx +unlink +time.`,
    );
  };

  /** After a rewind a list that was copied, whole or in part, may be there again: it is copied anew. */
  const lookBack = async (source: Source, list: string, store: SqliteStore) => {
    const { send } = source.connection;
    const { seq } = store.intake(list);
    const past = Array.from({ length: Math.min(seq, LOOK_BACK) }, (_, i) =>
      keysOf(list).intake(store.nonce, seq - 1 - i),
    );
    if (past.length === 0 || (await send("EXISTS", past, list)) === 0) return;
    for (const key of past) {
      for (let from = 0, length = await source.length(key); from < length; ) {
        const page = await source.page(key, from, length - from, limits);
        store.append(list, cut(page, limits));
        from += page.length;
      }
      await send("UNLINK", [key], key);
    }
  };

  return {
    async connect() {
      await link.connect();
      const servers = Map.groupBy(lists, (list) => link.to(list).where);
      for (const [list] of servers.values()) await probe(link.to(list!), list!);
    },

    left: (list) => sources.get(list)?.left ?? 0,

    async claim(list, store) {
      const source = sources.get(list)!;
      const { connection } = source;
      const { epoch } = connection;
      if (source.epoch !== epoch) await lookBack(source, list, store);
      source.epoch = epoch;
      let { seq, copied } = store.intake(list);
      let key = keysOf(list).intake(store.nonce, seq);
      let length = await source.length(key);
      if (length === 0) {
        source.left = await source.length(list);
        if (source.left === 0) return source.rest();
        // Unlinked, with nobody to write that down; or gone by a rewind: a name is never used for two lists.
        if (copied > 0) store.setIntake(list, { seq: ++seq, copied: (copied = 0) });
        key = keysOf(list).intake(store.nonce, seq);
        // First: the gateway's expiry would go along.
        await connection.send("PERSIST", [list], list);
        await connection.send("RENAMENX", [list, key], list);
        length = await source.length(key);
      }
      const page = copied < length ? await source.page(key, copied, length - copied, limits) : [];
      copied += page.length;
      if (page.length > 0) store.append(list, cut(page, limits), { seq, copied });
      if (copied >= length) {
        await connection.send("UNLINK", [key], key);
        store.setIntake(list, { seq: seq + 1, copied: 0 });
      }
      source.left = length - copied + (await source.length(list));
      return { claimed: page.length, left: source.left };
    },

    signIn: (credential) => link.signIn(credential),
    close: () => link.close(),
  };
}

/** One list of the gateway. */
class Source {
  readonly connection: Connection;
  /** Of the connection, when it was last looked back. */
  epoch = -1;
  /** Not on disk yet, as of the last claim. */
  left = 0;
  /** Bytes of a record; 0: none seen. */
  #mean = 0;
  #slab: SharedArrayBuffer | null = null;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  async length(key: string): Promise<number> {
    return (await this.connection.send("LLEN", [key], key)) as number;
  }

  /** Records from `from` on, at least one; good until the next call. */
  async page(key: string, from: number, most: number, limits: Limits): Promise<Uint8Array[]> {
    const { reader } = this.connection;
    let slab = (this.#slab ??= new SharedArrayBuffer(Math.max(LEAST_SLAB, limits.chunkBytes)));
    const count = Math.min(most, fitting(slab, this.#mean), PAGE_CHUNKS * limits.chunkRecords);
    let result = await reader.range({ key, from, count, slab, mean: Math.max(this.#mean, 64) });
    if (result.received > 0 && result.fitted === 0) {
      slab = new SharedArrayBuffer(result.need);
      result = await reader.range({ key, from, count: 1, slab, mean: result.need });
    }
    if (result.fitted === 0) throw unavailable(key, new Error("it is shorter than it was"));
    this.#mean = result.bytes / result.fitted;
    const offsets = new Uint32Array(slab, result.at, 2 * result.fitted);
    return Array.from({ length: result.fitted }, (_, i) => {
      const start = offsets[2 * i]!;
      return new Uint8Array(slab, start, offsets[2 * i + 1]! - start);
    });
  }

  /** Nothing is there: its memory is given up. */
  rest(): { claimed: number; left: number } {
    this.#slab = null;
    return { claimed: 0, left: 0 };
  }
}

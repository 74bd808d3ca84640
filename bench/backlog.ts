import type { Redis } from "ioredis";
import { startRedis, type TestRedis } from "../test/support/redis.ts";
import { recordMaker, type Traffic } from "./records.ts";

export const LIST = "analytics-tyk-system-analytics";
/** Holds every record made so far; runs get copies. */
const MASTER = "bench:records";
export const STAGED = "bench:staged";
const SEED = 20;
const PIECE = 1000;

/** Where a pump that is measured gets its records from. */
export interface Source {
  /** Its `analytics_storage_config`. */
  readonly storage: object;
  /** More of its `sluice`. */
  readonly settings?: object;
  /** Gets so many records ready, and clears what an earlier run left. */
  stage(records: number): Promise<void>;
  /** They appear, all at once. */
  push(): Promise<void>;
}

/** Appends a piece of a list to it. */
const REPEAT = "redis.call('RPUSH', KEYS[1], unpack(redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])))";

/** A Redis of our own, and backlogs in it. */
export class Backlog implements Source {
  readonly redis: TestRedis;
  readonly #make: () => Buffer;
  readonly #distinct: number;
  #made = 0;

  private constructor(redis: TestRedis, make: () => Buffer, distinct: number) {
    this.redis = redis;
    this.#make = make;
    this.#distinct = distinct;
  }

  static async start(traffic: Traffic = {}, make: () => Buffer = recordMaker(SEED, traffic)): Promise<Backlog> {
    return new Backlog(await startRedis(), make, traffic.distinct ?? Number.POSITIVE_INFINITY);
  }

  get storage(): object {
    return { host: this.redis.host, port: this.redis.port };
  }

  /** So many records, made once: the first `records` of them are the same in all runs. */
  async prepare(records: number): Promise<void> {
    while (this.#made < records) {
      const again = this.#made - this.#distinct;
      if (again >= 0) await this.#client.eval(REPEAT, 1, MASTER, again, again + PIECE - 1);
      else await this.#client.rpush(MASTER, ...Array.from({ length: PIECE }, () => this.#make()));
      this.#made += PIECE;
    }
  }

  /** Gets a backlog ready under another name: copying it keeps Redis busy for a while. Clears what an earlier run left. */
  async stage(records: number): Promise<void> {
    await this.prepare(records);
    await this.#clear();
    const length = await this.#client.sort(MASTER, "BY", "nosort", "LIMIT", 0, records, "STORE", STAGED);
    if (Number(length) !== records) throw new Error(`${String(length)} of ${records} records in the backlog`);
  }

  /** The gateway's list appears, with all that is staged. */
  async push(): Promise<void> {
    await this.#client.rename(STAGED, LIST);
  }

  async #clear(): Promise<void> {
    const keys = (await this.#client.keys("*")).filter((key) => key !== MASTER);
    for (let i = 0; i < keys.length; i += PIECE) await this.#client.del(...keys.slice(i, i + PIECE));
  }

  get #client(): Redis {
    return this.redis.client;
  }
}

import type { Cluster, Redis } from "ioredis";
import type { Source } from "./backlog.ts";
import { recordMaker } from "./records.ts";

const SEED = 21;
const PIECE = 1000;

/** A backlog over several lists of the gateway, which may lie on the nodes of a cluster. */
export class Spread implements Source {
  readonly storage: object;
  readonly #client: Redis | Cluster;
  readonly #lists: readonly string[];
  #made = 0;

  constructor(storage: object, client: Redis | Cluster, lists: readonly string[]) {
    this.storage = storage;
    this.#client = client;
    this.#lists = lists;
  }

  /** As many on each list. */
  async stage(records: number): Promise<void> {
    const each = records / this.#lists.length;
    const make = recordMaker(SEED);
    for (; this.#made < each; this.#made += PIECE) {
      const piece = Array.from({ length: PIECE }, () => make());
      await Promise.all(this.#lists.map((list) => this.#client.rpush(master(list), ...piece)));
    }
    for (const list of this.#lists) {
      await this.#client.unlink(...KEYS.map((key) => `{${list}}:sluice:${key}`), staged(list));
      await this.#client.sort(master(list), "BY", "nosort", "LIMIT", 0, each, "STORE", staged(list));
    }
  }

  async push(): Promise<void> {
    await Promise.all(this.#lists.map((list) => this.#client.rename(staged(list), list)));
  }
}

/** What a run leaves: its blocks were swept. */
const KEYS = ["log", "sinks", "dead", "letters"];

function master(list: string): string {
  return `{${list}}:bench:records`;
}

function staged(list: string): string {
  return `{${list}}:bench:staged`;
}

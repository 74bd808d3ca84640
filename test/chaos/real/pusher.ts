import { setTimeout as sleep } from "node:timers/promises";
import { encodeMsgpack } from "@sluice/sdk/record";
import { LIST, recordOf } from "../../support/gateway.ts";
import type { Store } from "./store.ts";

/** The client sends again what was not answered: a push that was done is not done twice. */
const PUSH_ONCE = `if redis.call('SETNX',KEYS[2],'')==1 then for i=1,#ARGV do redis.call('RPUSH',KEYS[1],ARGV[i]) end end return 1`;
const AT_ONCE = 200;

/** Pushes records, each with a number of its own, and knows which of them Redis has kept. */
export class Pusher {
  /** Numbers below this were given to Redis. */
  given = 0;
  /** Those of which nobody knows whether Redis kept them. */
  readonly doubtful = new Set<number>();
  readonly #store: Store;
  readonly #say: (line: string) => void;
  #pushing: Promise<void> = Promise.resolve();

  constructor(store: Store, say: (line: string) => void) {
    this.#store = store;
    this.#say = say;
  }

  /** One after the other, as one gateway does it. Resolves when Redis keeps so many more. */
  push(count: number): Promise<void> {
    this.#pushing = this.#pushing.then(() => this.#push(count));
    return this.#pushing;
  }

  /** Numbers that Redis has kept. */
  *kept(): Iterable<number> {
    for (let n = 0; n < this.given; n++) if (!this.doubtful.has(n)) yield n;
  }

  async #push(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const [from, some] = [this.given, Math.min(left, AT_ONCE)];
      const numbers = Array.from({ length: some }, (_, i) => from + i);
      const records = numbers.map((n) => Buffer.from(encodeMsgpack(recordOf(n))));
      const { client } = this.#store;
      try {
        await client.eval(PUSH_ONCE, 2, LIST, `pushed:${from}`, ...records);
      } catch (error) {
        // Full, or refused for now, or not the master any more: nothing was taken. A connection that breaks tries by itself.
        this.#say(`  a push was refused: ${(error as Error).message}`);
        await sleep(200);
        continue;
      }
      this.given += some;
      const kept = await this.#store.keeps().catch(() => false);
      if (kept && client === this.#store.client) left -= some;
      else for (const n of numbers) this.doubtful.add(n);
    }
  }
}

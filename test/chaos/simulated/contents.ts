import { keysOf } from "../../../core/log/keys.ts";
import { numberIn } from "../records.ts";
import type { Server } from "./server.ts";

/** What the Redis of a run has, by the numbers of its records. */
export class Contents {
  readonly lists: readonly string[];
  readonly #server: Server;
  /** Of records that were not copied since they were pushed. */
  readonly #numbers = new WeakMap<Buffer, number>();

  constructor(server: Server, lists: readonly string[]) {
    this.#server = server;
    this.lists = lists;
  }

  push(list: string, records: readonly (readonly [n: number, record: Buffer])[]): void {
    for (const [n, record] of records) this.#numbers.set(record, n);
    this.#server.redis.push(
      list,
      records.map(([, record]) => record),
    );
  }

  numberOf(record: Buffer): number {
    return this.#numbers.get(record) ?? numberIn(record);
  }

  /** Nothing is live, and all that was claimed is deleted. */
  get done(): boolean {
    const { redis } = this.#server;
    return this.lists.every((list) => {
      return redis.list(list).length === 0 && (redis.stream(keysOf(list).log)?.entries.length ?? 0) === 0;
    });
  }

  /** Of the chunk with this descriptor. */
  recordsOf(log: string, entry: string): number[] {
    const { redis } = this.#server;
    const fields = redis.stream(log)?.entries.find(({ id }) => id === entry)?.fields;
    if (!fields) return [];
    const [, block, , records, , , , behind] = fields.map(String);
    const list = this.lists.find((name) => keysOf(name).log === log)!;
    const all = redis.list(keysOf(list).block(block!));
    const end = all.length - Number(behind);
    return all.slice(Math.max(0, end - Number(records)), Math.max(0, end)).map((record) => this.numberOf(record));
  }

  /** It forgets this sink's groups. The numbers of what they begin again with. */
  loseGroup(sink: string): number[] {
    return this.lists.flatMap((list) => {
      const { log } = keysOf(list);
      const stream = this.#server.redis.stream(log);
      return stream?.groups.delete(sink) ? stream.entries.flatMap(({ id }) => this.recordsOf(log, id)) : [];
    });
  }

  letters(): { sink: string; n: number; reason: string }[] {
    const { redis } = this.#server;
    const entries = this.lists.flatMap((list) => redis.stream(keysOf(list).dead)?.entries ?? []);
    return entries.map(({ fields }) => {
      const [, sink, , , , , , reason, , raw] = fields;
      return { sink: String(sink), n: this.numberOf(raw as Buffer), reason: String(reason) };
    });
  }
}

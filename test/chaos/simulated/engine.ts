import { join } from "node:path";
import type { RedisLogConfig } from "../../../core/config/config.ts";
import type { ChunkRef, DeliveryLog, ListLog } from "../../../core/log/log.ts";
import { openRedisLog, type RedisLogOptions } from "../../../core/log/redis.ts";
import { openRedisIntake } from "../../../core/log/redis-intake.ts";
import { openSqliteLog } from "../../../core/log/sqlite.ts";
import { numberIn } from "../records.ts";
import type { SimulatedLink } from "./link.ts";
import { withLists } from "./mutants.ts";

export interface EngineParts {
  redis: RedisLogConfig;
  delivery: { leaseMs: number; chunkRecords: number; chunkBytes: number };
  lists: readonly { name: string; wire: "msgpack" }[];
  link: SimulatedLink;
}

/** What becomes of chunks, by the numbers of their records. */
export interface Told {
  acknowledged(sink: string, numbers: readonly number[]): void;
  released(sink: string, numbers: readonly number[]): void;
}

export function redisEngine({ redis, delivery, lists, link }: EngineParts, options?: RedisLogOptions): DeliveryLog {
  return openRedisLog({ ...redis, ...delivery }, { lists, link, ...options });
}

/** A real file, which outlives its process: what is committed when that is killed stays. */
export function diskEngine({ redis, delivery, lists, link }: EngineParts, folder: string, told: Told): DeliveryLog {
  const intake = openRedisIntake({ redis, lists: lists.map(({ name }) => name), ...delivery, link });
  const log = openSqliteLog({ folder: join(folder, "log"), ...delivery }, { lists, intake });
  const known = new Map<string, number[]>();
  const numbersOf = async (list: ListLog, ref: ChunkRef) => {
    let numbers = known.get(ref.chunk);
    if (!numbers) known.set(ref.chunk, (numbers = await readNumbers(list, ref)));
    return numbers;
  };
  return withLists(log, (list) => ({
    async ack(sink, refs) {
      const numbers = await Promise.all(refs.map((ref) => numbersOf(list, ref)));
      const done = await list.ack(sink, refs);
      for (const some of numbers) told.acknowledged(sink, some);
      return done;
    },
    async release(sink, refs) {
      for (const ref of refs) told.released(sink, await numbersOf(list, ref));
      await list.release(sink, refs);
    },
  }));
}

const SLAB_BYTES = 64 * 1024;

async function readNumbers(list: ListLog, ref: ChunkRef): Promise<number[]> {
  const numbers: number[] = [];
  for (let slab = new SharedArrayBuffer(SLAB_BYTES); numbers.length < ref.records; ) {
    const from = numbers.length;
    const read = await list.read(ref, from, slab);
    if ("missing" in read) return numbers;
    if ("need" in read) {
      slab = new SharedArrayBuffer(read.need);
      continue;
    }
    const offsets = new Uint32Array(slab, read.at, 2 * (read.to - from));
    for (let i = 0; i < offsets.length; i += 2) {
      numbers.push(numberIn(new Uint8Array(slab, offsets[i]!, offsets[i + 1]! - offsets[i]!)));
    }
  }
  return numbers;
}

import { createHash } from "node:crypto";
import type { Argument, Reply } from "../../../core/log/connection.ts";
import {
  ADD_LETTERS,
  CLAIM,
  DELETE,
  DROP_LETTERS,
  EXTEND,
  FREE,
  GROUPS,
  PROBE,
  REJECT,
  RELEASE,
  type Script,
  TIDY,
} from "../../../core/log/scripts.ts";
import { millisOf } from "../../../core/log/stream-id.ts";
import { type ModelRedis, Refusal, range } from "./redis.ts";

type Run = (redis: ModelRedis, keys: readonly string[], args: readonly Argument[]) => Reply;

/** What each script of the log does, command by command: the scripts themselves are tried against real servers. */
const RUNS: { readonly [name: string]: { script: Script; run: Run } } = {
  CLAIM: {
    script: CLAIM,
    run(redis, [live, log, block], [most, id, , blockChunks]) {
      const [n, chunks] = [Number(most), Number(blockChunks)];
      const length = redis.list(live!).length;
      if (length === 0) return [0, 0];
      if (redis.call("EXISTS", [block!]) === 1) return [0, length];
      const size = length <= n * chunks ? length : n;
      const [last] = redis.call("XREVRANGE", [log!, "+", "-", "COUNT", 1]) as [string, string[]][];
      let total = Number(last?.[1][5] ?? 0);
      for (let behind = size; behind > 0; ) {
        const m = Math.min(behind, n);
        behind -= m;
        total += m;
        const fields = ["c", id!, "n", m, "t", total, "b", behind];
        const entry = redis.call("XADD", [log!, "*", ...fields]) as string;
        if (behind + m < size || millisOf(entry) <= redis.clock()) continue;
        redis.call("XDEL", [log!, entry]);
        const leap = Number.parseInt(createHash("sha1").update(String(id)).digest("hex").slice(0, 5), 16);
        const [ms, sequence] = entry.split("-");
        redis.call("XADD", [log!, `${ms}-${Number(sequence) + 1 + leap}`, ...fields]);
      }
      redis.put(block!, range(redis.list(live!), 0, size - 1));
      redis.put(live!, range(redis.list(live!), size, -1));
      return [size, length - size];
    },
  },
  GROUPS: {
    script: GROUPS,
    run(redis, [, log, sinks], args) {
      for (let i = 0; i < args.length; i += 2) {
        redis.call("HSET", [sinks!, args[i]!, args[i + 1]!]);
        try {
          redis.call("XGROUP", ["CREATE", log!, args[i]!, "0", "MKSTREAM"]);
        } catch (error) {
          if (!(error instanceof Refusal && error.message.startsWith("BUSYGROUP"))) throw error;
        }
      }
      return args.length / 2;
    },
  },
  EXTEND: {
    script: EXTEND,
    run: (redis, [log], [sink, me, ...ids]) =>
      ids.map(String).filter((id) => {
        if (!owns(redis, log!, sink!, me!, id)) return true;
        redis.call("XCLAIM", [log!, sink!, me!, 0, id, "JUSTID"]);
        return false;
      }),
  },
  RELEASE: {
    script: RELEASE,
    run(redis, [log], [sink, me, ...ids]) {
      let freed = 0;
      for (const id of ids.map(String)) {
        const held = owns(redis, log!, sink!, me!, id);
        if (!held) continue;
        freed++;
        const count = Math.max(0, held[3] - 1);
        redis.call("XCLAIM", [log!, sink!, FREE, 0, id, "IDLE", 3_600_000, "RETRYCOUNT", count, "JUSTID"]);
      }
      return freed;
    },
  },
  DELETE: {
    script: DELETE,
    run(redis, [log, ...blocks], args) {
      for (const [i, block] of blocks.entries()) {
        const keep = Number(args[i]);
        if (keep === 0) redis.call("UNLINK", [block]);
        else redis.call("LTRIM", [block, -keep, -1]);
      }
      return redis.call("XDEL", [log!, ...args.slice(blocks.length)]);
    },
  },
  REJECT: {
    script: REJECT,
    run(redis, [, block, dead, letters], [sink, chunk, start, ...indexed]) {
      const ids: Reply[] = [];
      for (let i = 0; i < indexed.length; i += 2) {
        const raw = redis.call("LINDEX", [block!, Number(start) + Number(indexed[i])]);
        const found = raw instanceof Buffer;
        ids.push(found ? addLetter(redis, dead!, letters!, sink!, [chunk!, indexed[i]!, indexed[i + 1]!, raw]) : "");
      }
      return ids;
    },
  },
  ADD_LETTERS: {
    script: ADD_LETTERS,
    run(redis, [, dead, letters], [sink, ...fields]) {
      const ids: Reply[] = [];
      for (let i = 0; i < fields.length; i += 4)
        ids.push(addLetter(redis, dead!, letters!, sink!, fields.slice(i, i + 4)));
      return ids;
    },
  },
  PROBE: { script: PROBE, run: () => [] },
  TIDY: { script: TIDY, run: () => 0 },
  DROP_LETTERS: {
    script: DROP_LETTERS,
    run: (redis, [dead], ids) => redis.call("XDEL", [dead!, ...ids]),
  },
};

const BY_SHA = new Map(Object.entries(RUNS).map(([name, { script, run }]) => [script.sha, { name, run }]));

/** Its name here, for whoever refuses or alters it. */
export function scriptOf(script: Script): { name: string; run: Run } {
  const known = BY_SHA.get(script.sha);
  if (!known) throw new Error(`The model does not know this script:\n${script.source}`);
  return known;
}

function owns(redis: ModelRedis, log: string, sink: Argument, me: Argument, id: string) {
  const [held] = redis.call("XPENDING", [log, sink, id, id, 1, me]) as [string, string, number, number][];
  return held;
}

function addLetter(
  redis: ModelRedis,
  dead: string,
  letters: string,
  sink: Argument,
  [chunk, index, reason, raw]: readonly Argument[],
): Reply {
  redis.call("HINCRBY", [letters, `n:${sink}`, 1]);
  redis.call("HINCRBY", [letters, `b:${sink}`, (raw as Buffer).length]);
  return redis.call("XADD", [
    dead,
    "*",
    ...["sink", sink, "chunk", chunk!, "index", String(index), "reason", reason!, "raw", raw!],
  ]);
}

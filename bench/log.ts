import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { ListLog } from "../core/log/log.ts";
import { openRedisLog } from "../core/log/redis.ts";
import { redisLogConfig, startRedis, type TestRedis } from "../test/support/redis.ts";
import { rawLrange } from "./raw-lrange.ts";

/**
 * What the delivery log costs against the bare minimum: a backlog of records claimed, taken and read into shared memory,
 * against LRANGE of the same list in pieces of 1,000 by a socket that throws the bytes away.
 *
 *   node bench/log.ts [records] [bytes a record] [rounds]
 */
const [RECORDS = 300_000, BYTES = 1166, ROUNDS = 3] = process.argv.slice(2).map(Number);
const SLAB_BYTES = 2 * 1024 * 1024;
const SLABS = 8;
const LIST = "analytics-tyk-system-analytics";
/** A file of RESP commands that fill the list, used when it is there and no size is asked for. */
const CORPUS = fileURLToPath(new URL("../../shared/fixtures/corpora/load.resp.gz", import.meta.url));

interface Result {
  records: number;
  seconds: number;
  clientCpu: number;
  redisCpu: number;
}

const redis = await startRedis();
try {
  await redis.client.ping();
  const results: { [variant: string]: Result[] } = { "raw LRANGE": [], "claim + take + read": [], "read only": [] };
  for (let round = 0; round <= ROUNDS; round++) {
    await redis.client.flushall();
    const pushed = await fill(redis);
    const raw = await measured(redis, async () => {
      await rawLrange(redis, LIST, pushed);
      return pushed;
    });
    const { claimAndRead, readOnly } = await logRead(redis, pushed);
    // The first round warms up.
    if (round === 0) continue;
    results["raw LRANGE"]!.push(raw);
    results["claim + take + read"]!.push(claimAndRead);
    results["read only"]!.push(readOnly);
  }
  report(results);
} finally {
  await redis.stop();
}

async function fill({ client }: TestRedis): Promise<number> {
  const bodies = await bodiesOfCorpus();
  for (let i = 0; i < RECORDS; i += 1000) {
    const some = Array.from({ length: Math.min(1000, RECORDS - i) }, (_, k) => bodies[(i + k) % bodies.length]!);
    await client.rpush(LIST, ...some);
  }
  return client.llen(LIST);
}

async function bodiesOfCorpus(): Promise<Buffer[]> {
  if (process.argv[3] !== undefined || !existsSync(CORPUS)) {
    return Array.from({ length: 1000 }, (_, i) => Buffer.alloc(BYTES + (i % 64) - 32, 97 + (i % 26)));
  }
  const bytes = gunzipSync(await readFile(CORPUS));
  const bodies: Buffer[] = [];
  for (let p = 0; p < bytes.length; ) {
    const end = bytes.indexOf("\r\n", p);
    const mark = bytes[p];
    const n = Number(bytes.toString("latin1", p + 1, end));
    p = end + 2;
    if (mark !== 36) continue;
    if (n > 100) bodies.push(bytes.subarray(p, p + n));
    p += n + 2;
  }
  return bodies;
}

async function measured(server: TestRedis, work: () => Promise<number>): Promise<Result> {
  const redisBefore = await redisCpu(server);
  const cpuBefore = process.cpuUsage();
  const from = performance.now();
  const records = await work();
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { records, seconds, clientCpu: (user + system) / 1e6, redisCpu: (await redisCpu(server)) - redisBefore };
}

async function logRead(server: TestRedis, count: number): Promise<{ claimAndRead: Result; readOnly: Result }> {
  const log = openRedisLog({
    ...redisLogConfig(server),
    leaseMs: 30_000,
    chunkRecords: 1000,
    chunkBytes: 4_000_000,
  });
  await log.open([
    { name: "first", fingerprint: "" },
    { name: "second", fingerprint: "" },
  ]);
  const list = log.lists[0]!;
  const slabs = Array.from({ length: SLABS }, () => new SharedArrayBuffer(SLAB_BYTES));
  let claimed = 0;
  const claiming = async () => {
    for (;;) {
      const { claimed: some, left } = await list.claim();
      claimed += some;
      if (left === 0) return;
    }
  };
  const claimAndRead = await measured(server, async () => {
    const [, read] = await Promise.all([claiming(), drain(list, "first", slabs, () => claimed < count)]);
    return read;
  });
  const readOnly = await measured(server, () => drain(list, "second", slabs, () => false));
  await log.close();
  if (claimAndRead.records !== count || readOnly.records !== count) throw new Error("records are missing");
  return { claimAndRead, readOnly };
}

/** Takes, reads (as many at once as there are slabs) and acknowledges, until nothing comes any more. */
async function drain(
  list: ListLog,
  sink: string,
  slabs: readonly SharedArrayBuffer[],
  more: () => boolean,
): Promise<number> {
  const free = [...slabs];
  const busy = new Set<Promise<void>>();
  let records = 0;
  for (;;) {
    if (free.length < slabs.length / 2) {
      await Promise.race(busy);
      continue;
    }
    const expectsMore = more();
    const [refs] = await list.take([{ sink, chunks: free.length }]);
    if (refs!.length === 0 && busy.size === 0 && !expectsMore) return records;
    if (refs!.length === 0 && busy.size > 0) await Promise.race(busy);
    for (const ref of refs!) {
      const slab = free.pop()!;
      const work = (async () => {
        for (let from = 0; from < ref.records; ) {
          const result = await list.read(ref, from, slab);
          if (!("to" in result)) throw new Error("not read");
          records += result.to - from;
          from = result.to;
        }
        await list.ack(sink, [ref]);
        free.push(slab);
      })();
      busy.add(work);
      work.finally(() => busy.delete(work)).catch(() => undefined);
    }
  }
}

async function redisCpu({ client }: TestRedis): Promise<number> {
  const info = await client.info("cpu");
  const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1] ?? 0);
  return seconds("used_cpu_sys") + seconds("used_cpu_user");
}

function report(results: { [variant: string]: Result[] }): void {
  const rate = ({ records, seconds }: Result) => records / seconds;
  const median = (rs: Result[]) => rs.toSorted((a, b) => rate(a) - rate(b))[Math.floor(rs.length / 2)]!;
  const base = rate(median(results["raw LRANGE"]!));
  for (const [variant, all] of Object.entries(results)) {
    const result = median(all);
    const perRecord = (cpu: number) => `${Math.round((cpu * 1e9) / result.records)} ns`;
    console.log(
      `${variant.padEnd(20)} ${Math.round(rate(result) / 1000)}k records/s  ratio ${(rate(result) / base).toFixed(2)}  ` +
        `client CPU ${perRecord(result.clientCpu)}/record  Redis CPU ${perRecord(result.redisCpu)}/record`,
    );
  }
}

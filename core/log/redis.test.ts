import { startRedis } from "../../test/support/redis.ts";
import { conformance, type Engine } from "./conformance.ts";
import { keysOf } from "./keys.ts";
import { openRedisLog } from "./redis.ts";

async function start(): Promise<{ engine: Engine; stop(): Promise<void> }> {
  const redis = await startRedis();
  const config = {
    engine: "redis" as const,
    host: redis.host,
    port: redis.port,
    username: "",
    password: "",
    database: 0,
    timeoutMs: 5000,
    keyPrefix: "analytics-",
    leaseMs: 150,
    chunkRecords: 1000,
    chunkBytes: 4_000_000,
  };
  const engine: Engine = {
    chunkRecords: 1000,
    leaseMs: 150,
    create: (lists) => openRedisLog(config, { lists, sweepAgeMs: 0 }),
    async push(_log, list, records) {
      await redis.client.rpush(list, ...records.map((record) => Buffer.from(record)));
    },
    async stored(list) {
      const keys = await redis.client.keys("*");
      const chunks = keys.filter((key) => key.startsWith(keysOf(list).chunk("")));
      const lengths = await Promise.all(chunks.map((key) => redis.client.llen(key)));
      return lengths.reduce((sum, n) => sum + n, 0);
    },
    crash: (log) => log.close(),
  };
  return { engine, stop: () => redis.stop() };
}

conformance("Redis", start);

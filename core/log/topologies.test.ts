import { makeCertificates } from "../../test/support/certificates.ts";
import { startCluster } from "../../test/support/cluster.ts";
import { redisLogConfig, startRedis, type TestRedis } from "../../test/support/redis.ts";
import type { RedisLogConfig } from "../config/config.ts";
import { conformance, type Engine } from "./conformance.ts";
import { keysOf } from "./keys.ts";
import { openRedisLog } from "./redis.ts";

/** What the engine promises, also where a list may be on any of several servers, and through TLS. */

const LIMITS = { leaseMs: 150, chunkRecords: 1000, chunkBytes: 4_000_000 };

function engine(
  config: RedisLogConfig,
  servers: readonly TestRedis[],
  push: (list: string, records: Buffer[]) => Promise<unknown>,
): Engine {
  return {
    ...LIMITS,
    create: (lists) => openRedisLog({ ...config, ...LIMITS }, { lists, sweepGraceMs: 0 }),
    push: async (_log, list, records) => {
      await push(
        list,
        records.map((record) => Buffer.from(record)),
      );
    },
    async stored(list) {
      let sum = 0;
      for (const { client } of servers) {
        const keys = (await client.keys("*")).filter((key) => key.startsWith(keysOf(list).block("")));
        for (const key of keys) sum += await client.llen(key);
      }
      return sum;
    },
    crash: (log) => log.close(),
  };
}

conformance("Redis Cluster", async () => {
  const cluster = await startCluster();
  const config = redisLogConfig(cluster.masters[1]!, { cluster: true });
  const push = (list: string, records: Buffer[]) => cluster.client.rpush(list, ...records);
  return { engine: engine(config, cluster.masters, push), stop: () => cluster.stop() };
});

conformance("Redis over TLS", async () => {
  const certificates = makeCertificates();
  const redis = await startRedis({ tls: certificates });
  const { ca, client } = certificates;
  const tls = { caFile: ca, certFile: client.cert, keyFile: client.key, insecure: false };
  const config = redisLogConfig(redis, { tls: { ...tls, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } });
  return {
    engine: engine(config, [redis], (list, records) => redis.client.rpush(list, ...records)),
    async stop() {
      await redis.stop();
      certificates.remove();
    },
  };
});

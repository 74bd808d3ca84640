import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Address, RedisLogConfig } from "../../../core/config/config.ts";
import type { TestClock } from "../../support/clock.ts";
import { startProxy, type TestProxy } from "../../support/proxy.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";
import { outages } from "./outage.ts";
import type { RedisEvent } from "./plan.ts";

/** The Redis of a run. */
export interface Store {
  /** A client of the test's own to who is the master now. */
  readonly client: Redis;
  /** How an instance reaches it. */
  reach(instance: number): { address: Address; storage?: Partial<RedisLogConfig> };
  /** Between an instance and it; undefined: nothing is. */
  proxy(instance: number): TestProxy | undefined;
  happen(event: RedisEvent): Promise<void>;
  /** Whether what this client has just written stays, whatever happens. */
  keeps(): Promise<boolean>;
  /** Throws if something happened to it that nobody asked for, and that may have lost what was kept. */
  verify(): Promise<void>;
  stop(): Promise<void>;
}

/** One server, which keeps what it has said, and a proxy for each instance. */
export async function startStore(instances: number, clock?: TestClock): Promise<Store> {
  const flags = { appendonly: "yes", appendfsync: "always" };
  const redis = await startRedis({ flags, ...(clock && { env: clock.env }) });
  const outage = outages(redis);
  const proxies: TestProxy[] = [];
  for (let i = 0; i < instances; i++) proxies.push(await startProxy(redis));
  return {
    client: redis.client,
    reach: (i) => ({ address: { host: "127.0.0.1", port: proxies[i]!.port } }),
    proxy: (i) => proxies[i],
    async happen(event) {
      switch (event.do) {
        case "redis ends":
          return outage(event.ms);
        case "redis clock":
          return clock!.set(event.by);
        default:
          return happenTo(redis, event);
      }
    },
    keeps: async () => true,
    verify: async () => {},
    async stop() {
      await Promise.all(proxies.map((it) => it.stop()));
      await redis.stop();
    },
  };
}

/** What may happen to any server. */
export async function happenTo(redis: TestRedis, event: RedisEvent): Promise<void> {
  const { client } = redis;
  switch (event.do) {
    case "redis freezes":
      await redis.kill("SIGSTOP");
      await sleep(event.ms);
      return redis.kill("SIGCONT");
    case "redis is full":
      await client.config("SET", "maxmemory", "1mb");
      await sleep(event.ms);
      await client.config("SET", "maxmemory", "0");
      return;
    case "redis cuts":
      await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      return;
    case "redis refuses":
      await client.call("ACL", "SETUSER", "default", `-${event.what}`);
      await sleep(event.ms);
      await client.call("ACL", "SETUSER", "default", `+${event.what}`);
      return;
    default:
      throw new Error(`${event.do} cannot happen to this server`);
  }
}

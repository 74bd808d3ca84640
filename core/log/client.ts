import { Redis, type RedisOptions } from "ioredis";

export interface Client {
  redis: Redis;
  /** What the connection failed of first; undefined while it has not. */
  failure(): Error | undefined;
}

/** A client of one connection, which is not made again: the first error ends it. */
export function openClient(options: Omit<RedisOptions, "replyMapping">): Client {
  const redis = new Redis({
    ...options,
    protocol: 2,
    lazyConnect: true,
    disableClientInfo: true,
    // INFO may be refused; whether the data set is loaded is asked by other means.
    enableReadyCheck: false,
    retryStrategy: null,
  });
  let failure: Error | undefined;
  redis.on("error", (error: Error) => {
    failure ??= error;
    // With TLS 1.3 a certificate is refused on a connection that stays open and fails again; ioredis listens only once.
    redis.stream?.on("error", () => {}).destroy();
  });
  return { redis, failure: () => failure };
}

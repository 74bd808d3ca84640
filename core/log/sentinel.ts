import type { Address, RedisLogConfig } from "../config/config.ts";
import { formatAddress } from "./address.ts";
import { openClient } from "./client.ts";
import { LOG_ERROR_CODES, LogError, replyError, unavailable } from "./errors.ts";
import { tlsError, tlsOptions } from "./tls.ts";

/** Asks Sentinels where the master is; learns of other Sentinels from those that answer. */
export function sentinelLocator(
  config: RedisLogConfig,
  { master: name, password }: { master: string; password: string },
): () => Promise<Address> {
  const known = new Map(config.nodes.map((address) => [formatAddress(address), address]));

  /** Null: this one does not know the master. */
  const ask = async (sentinel: Address): Promise<Address | null> => {
    const where = `the Sentinel ${formatAddress(sentinel)}`;
    const { redis: client, failure } = openClient({
      ...sentinel,
      ...(password !== "" && { password }),
      ...(config.tls && { tls: tlsOptions(config.tls, sentinel.host) }),
      connectTimeout: config.timeoutMs,
      commandTimeout: config.timeoutMs,
    });
    const sentinelSays = (command: string) => client.call("SENTINEL", command, name);
    try {
      await client.connect();
      const master = (await sentinelSays("get-master-addr-by-name")) as [string, string] | null;
      if (master === null) return null;
      const others = (await sentinelSays("sentinels").catch(() => [])) as string[][];
      for (const flat of others) {
        const [host, port] = ["ip", "port"].map((field) => flat[flat.indexOf(field) + 1]);
        if (host && port) known.set(`${host}:${port}`, { host, port: Number(port) });
      }
      return { host: master[0], port: Number(master[1]) };
    } catch (error) {
      if ((error as Error).name === "ReplyError") throw replyError((error as Error).message, "SENTINEL", where);
      const cause = failure() ?? (error as Error);
      if (cause.name === "ReplyError") throw replyError(cause.message, "the handshake", where);
      throw tlsError(where, cause) ?? unavailable(where, new Error(cause.message));
    } finally {
      client.disconnect();
    }
  };

  return async () => {
    const asked = [...known.values()].map(async (sentinel) => {
      const master = await ask(sentinel);
      if (master !== null) return master;
      throw new LogError(
        LOG_ERROR_CODES.refused,
        `The Sentinel ${formatAddress(sentinel)} knows no master named ${name}. Check master_name.`,
      );
    });
    // The first that knows: one that is away must not hold up a failover.
    return Promise.any(asked).catch((all: AggregateError) => {
      throw all.errors[0];
    });
  };
}

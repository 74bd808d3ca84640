import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Address } from "../../core/config/config.ts";
import { guard } from "./guard.ts";
import { until } from "./pump.ts";
import { freePort, type RedisOptions, startRedis, type TestRedis } from "./redis.ts";

export const MASTER_NAME = "the-master";

/** A master, a replica that follows it, and Sentinels that watch both. */
export interface TestSentinels {
  readonly sentinels: readonly Address[];
  readonly master: TestRedis;
  readonly replica: TestRedis;
  /** Ends one Sentinel with -9. */
  kill(sentinel: number): Promise<void>;
  /** Asks for a failover while the master is well. Rejects while the Sentinels do not see a replica that could take over. */
  failOver(): Promise<unknown>;
  /** Waits until the Sentinels name the replica. */
  failedOver(): Promise<void>;
  /** Grows with each failover, also one that nobody asked for, as on a machine that is too busy to answer. */
  epoch(): Promise<number>;
  stop(): Promise<void>;
}

export async function startSentinels(options: RedisOptions = {}, { password = "" } = {}): Promise<TestSentinels> {
  const flags = { ...options.flags, "repl-diskless-sync-delay": "0" };
  const [master, replica] = await Promise.all([startRedis({ ...options, flags }), startRedis({ ...options, flags })]);
  if (options.password !== undefined) {
    for (const { client } of [master, replica]) await client.config("SET", "masterauth", options.password);
  }
  await replica.client.replicaof(master.host, master.port);
  await until(
    async () => (await replica.client.info("replication")).includes("master_link_status:up"),
    "the replica to follow",
  );
  const folder = mkdtempSync(join(tmpdir(), "sluice-sentinel-"));
  const started = await Promise.all(
    [0, 1, 2].map((i) => startSentinel(join(folder, `${i}.conf`), master, options, password)),
  );
  const { client } = started[0]!;
  const told = (command: string) => client.call("SENTINEL", command, MASTER_NAME) as Promise<string[]>;
  await until(
    async () => (await told("SENTINELS")).length === 2 && (await told("REPLICAS")).length === 1,
    "the Sentinels to meet",
  );
  return {
    sentinels: started.map(({ address }) => address),
    master,
    replica,
    kill: (i) => started[i]!.kill(),
    failOver: () => client.call("SENTINEL", "FAILOVER", MASTER_NAME),
    failedOver: () =>
      until(
        async () => Number((await told("GET-MASTER-ADDR-BY-NAME"))[1]) === replica.port,
        "the replica to be the master",
      ),
    async epoch() {
      const fields = await told("MASTER");
      return Number(fields[fields.indexOf("config-epoch") + 1]);
    },
    async stop() {
      await Promise.all([master.stop(), replica.stop(), ...started.map((sentinel) => sentinel.kill())]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startSentinel(
  file: string,
  master: TestRedis,
  { password: masterPassword }: RedisOptions,
  password: string,
) {
  const port = await freePort();
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `sentinel monitor ${MASTER_NAME} ${master.host} ${master.port} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
    `sentinel failover-timeout ${MASTER_NAME} 3000`,
    ...(masterPassword === undefined ? [] : [`sentinel auth-pass ${MASTER_NAME} ${masterPassword}`]),
    ...(password === "" ? [] : [`requirepass ${password}`, `sentinel sentinel-pass ${password}`]),
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  const child = spawn(process.env.REDIS_SERVER ?? "redis-server", [file, "--sentinel"], { stdio: "ignore" });
  const unguard = guard(child.pid!);
  const client = new Redis({
    host: "127.0.0.1",
    port,
    protocol: 2,
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
    enableReadyCheck: false,
    disableClientInfo: true,
    ...(password !== "" && { password }),
  });
  client.on("error", () => undefined);
  await client.ping();
  return {
    address: { host: "127.0.0.1", port },
    client,
    async kill() {
      client.disconnect();
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
      unguard();
    },
  };
}

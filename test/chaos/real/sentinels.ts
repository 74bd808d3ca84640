import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../support/pump.ts";
import type { TestRedis } from "../../support/redis.ts";
import { MASTER_NAME, startSentinels } from "../../support/sentinel.ts";
import { happenTo, type Store } from "./store.ts";

/** Writes wait for so long while a failover is asked for, at most. */
const PAUSE_MS = 20_000;
const REPLICATED_MS = 500;

/** A master and a replica that Sentinels watch. One failover a run: of what the first master alone knew nothing may be demanded. */
export async function startWatchedStore(): Promise<Store> {
  const it = await startSentinels();
  const { master, replica } = it;
  let now = master;
  let epoch = await it.epoch();
  const info = async (of: TestRedis, name: string) =>
    RegExp(`${name}:(.*)\r`).exec(await of.client.info("replication"))?.[1];

  /** Nothing is written while the replica catches up and takes over: it lacks nothing. */
  const ask = async () => {
    await master.client.call("CLIENT", "PAUSE", String(PAUSE_MS), "WRITE");
    const all = Number(await info(master, "master_repl_offset"));
    await until(async () => Number(await info(replica, "slave_repl_offset")) >= all, "the replica to have everything");
    await until(
      () =>
        it.failOver().then(
          () => true,
          () => false,
        ),
      "the Sentinels to begin a failover",
    );
  };

  return {
    get client() {
      return now.client;
    },
    reach: () => ({
      address: it.sentinels[0]!,
      storage: { nodes: it.sentinels, sentinel: { master: MASTER_NAME, password: "" } },
    }),
    proxy: () => undefined,
    async happen(event) {
      if (event.do !== "failover") return happenTo(now, event);
      const back = event.killed ? master.kill("SIGKILL").then(() => sleep(event.ms)) : ask();
      if (!event.killed) await back;
      await it.failedOver();
      await until(async () => (await info(replica, "role")) === "master", "the new master");
      now = replica;
      epoch = await it.epoch();
      await back;
      if (!event.killed) return;
      await master.restart();
      // It has nothing, and takes itself for a master: until the Sentinels look at it again, which takes them ten seconds.
      await master.client.replicaof(replica.host, replica.port);
    },
    // What the replica has it has for good: it takes over, and then stays the master.
    keeps: async () => now === replica || (await now.client.wait(1, REPLICATED_MS)) > 0,
    async verify() {
      const moved = (await it.epoch()) !== epoch || (await info(now, "role")) !== "master";
      if (moved) throw new Error("the Sentinels moved the master by themselves, and what the next one lacked is lost");
    },
    stop: () => it.stop(),
  };
}

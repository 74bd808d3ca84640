import { Cluster } from "ioredis";
import { slotOf } from "../../core/log/slots.ts";
import { until } from "./pump.ts";
import { freePort, type RedisOptions, startRedis, type TestRedis } from "./redis.ts";

const SLOTS = 16384;
const NODE_TIMEOUT_MS = 1000;

/** Real nodes on free ports, the slots dealt out evenly. */
export interface TestCluster {
  readonly masters: readonly TestRedis[];
  /** One for each master, or none. */
  readonly replicas: readonly TestRedis[];
  /** A client of the test's own. */
  readonly client: Cluster;
  /** The master of this key, as the slots were dealt out. */
  ownerOf(key: string): TestRedis;
  /** Moves slots one by one while they are in use, as `redis-cli --cluster reshard` does; `during` runs half way. */
  move(slot: number, from: TestRedis, to: TestRedis, during?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster({
  replicas = false,
  ...options
}: RedisOptions & { replicas?: boolean } = {}): Promise<TestCluster> {
  const count = replicas ? 6 : 3;
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode(options)));
  const masters = nodes.slice(0, 3);
  const followers = nodes.slice(3);
  const share = Math.ceil(SLOTS / masters.length);
  await Promise.all(
    nodes.map(async ({ client }, i) => {
      await client.cluster("SET-CONFIG-EPOCH", i + 1);
      for (const { host, port, busPort } of nodes) await client.call("CLUSTER", "MEET", host, port, busPort);
      if (i >= masters.length) return;
      await client.call("CLUSTER", "ADDSLOTSRANGE", i * share, Math.min(SLOTS, (i + 1) * share) - 1);
    }),
  );
  const known = async ({ client }: TestRedis) => /cluster_known_nodes:(\d+)/.exec(await client.cluster("INFO"))?.[1];
  await until(async () => (await Promise.all(nodes.map(known))).every((n) => n === String(count)), "all nodes to meet");
  await Promise.all(
    followers.map(async ({ client }, i) => {
      const id = await masters[i]!.client.cluster("MYID");
      await until(
        () =>
          client.cluster("REPLICATE", String(id)).then(
            () => true,
            () => false,
          ),
        "a replica to know its master",
      );
      await until(
        async () => (await client.info("replication")).includes("master_link_status:up"),
        "a replica to follow",
      );
    }),
  );
  const sound = async ({ client }: TestRedis) => (await client.cluster("INFO")).includes("cluster_state:ok");
  await until(async () => (await Promise.all(nodes.map(sound))).every(Boolean), "the cluster to be sound");
  const client = new Cluster(
    masters.map(({ host, port }) => ({ host, port })),
    {
      redisOptions: { protocol: 2, ...(options.tls && { tls: masters[0]!.client.options.tls }) },
      slotsRefreshInterval: 500,
    },
  );
  client.on("error", () => undefined);
  return {
    masters,
    replicas: followers,
    client,
    ownerOf: (key) => masters[Math.floor(slotOf(key) / share)]!,
    async move(slot, from, to, during) {
      const [source, target] = await Promise.all([from, to].map((node) => node.client.cluster("MYID")));
      await to.client.cluster("SETSLOT", slot, "IMPORTING", String(source));
      await from.client.cluster("SETSLOT", slot, "MIGRATING", String(target));
      const keys = (await from.client.cluster("GETKEYSINSLOT", slot, 10_000)) as string[];
      for (const [i, key] of keys.entries()) {
        if (i === keys.length >> 1) await during?.();
        await from.client.call("MIGRATE", to.host, to.port, key, 0, 5000);
      }
      // What was made meanwhile.
      for (;;) {
        const [late] = (await from.client.cluster("GETKEYSINSLOT", slot, 1)) as string[];
        if (late === undefined) break;
        await from.client.call("MIGRATE", to.host, to.port, late, 0, 5000);
      }
      for (const node of [to, from, ...masters]) await node.client.cluster("SETSLOT", slot, "NODE", String(target));
    },
    async stop() {
      client.disconnect();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function startNode({ flags, ...options }: RedisOptions): Promise<TestRedis & { busPort: number }> {
  const busPort = await freePort();
  const cluster = {
    "cluster-enabled": "yes",
    "cluster-port": String(busPort),
    "cluster-node-timeout": String(NODE_TIMEOUT_MS),
    "cluster-replica-validity-factor": "0",
    "repl-diskless-sync-delay": "0",
  };
  const node = await startRedis({ ...options, flags: { ...cluster, ...flags } });
  // Not a copy: it has getters.
  return Object.assign(node, { busPort });
}

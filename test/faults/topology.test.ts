import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Address } from "../../core/config/config.ts";
import { keysOf } from "../../core/log/keys.ts";
import { slotOf } from "../../core/log/slots.ts";
import { makeCertificates } from "../support/certificates.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { csvFiles } from "../support/csv.ts";
import { arrivals, LIST, LISTS, numbersIn, push } from "../support/gateway.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/pump.ts";
import type { RedisOptions, TestRedis } from "../support/redis.ts";
import { MASTER_NAME, startSentinels } from "../support/sentinel.ts";
import { shiftedClock } from "../support/shifted-clock.ts";
import { type SluiceProcess, useFolder, useRedis, useSluice } from "../support/sluice.ts";

/** The real process on real Sentinels and clusters, which lose a node or move a slot while it drains them. */

const COUNT = 30_000;
/** Of the lists of a cluster, some on each node. */
const SPREAD = LISTS.filter((list) => !list.endsWith("_protobuf")).slice(0, 6);

interface Scene {
  sluice: SluiceProcess;
  csv: string;
}

async function useSluiceOn(storage: object): Promise<Scene> {
  const csv = join(useFolder(), "csv");
  const sluice = await useSluice({ redis: { host: "127.0.0.1", port: 1 }, csv: { csv }, timeout: 1, storage });
  await sluice.ready();
  return { sluice, csv };
}

async function useCluster(options: RedisOptions & { replicas?: boolean } = {}): Promise<TestCluster> {
  const cluster = await startCluster(options);
  onTestFinished(() => cluster.stop());
  return cluster;
}

const addresses = (nodes: readonly Address[]) => nodes.map(({ host, port }) => `${host}:${port}`);

/** Everything that was pushed is in the files, whole; what the old master knew of our work may come again. */
async function expectAll(
  it: Scene,
  servers: Pick<TestRedis | TestCluster, "client">,
  lists: readonly string[],
  count: number,
  duplicates = count,
): Promise<void> {
  await it.sluice.drained(servers, ["csv"], { lists });
  expect((await it.sluice.terminate()).code).toBe(0);
  const found = arrivals(numbersIn(it.csv), count);
  expect(found).toMatchObject({ missing: [], foreign: [] });
  expect(found.duplicates).toBeLessThanOrEqual(duplicates);
}

test("Sentinel: the master is killed with -9 while it is drained; all that its replica had arrives, from the replica", async () => {
  const it = await startSentinels({}, { password: "s3ntinel" });
  onTestFinished(() => it.stop());
  // One is enough to begin with, and it is not the one that stays.
  const storage = {
    addrs: addresses(it.sentinels.slice(0, 1)),
    master_name: MASTER_NAME,
    sentinel_password: "s3ntinel",
  };
  const scene = await useSluiceOn(storage);
  await push(it.master.client, 0, COUNT);
  await it.master.client.wait(1, 5000);
  await begun(scene);
  await it.master.kill("SIGKILL");
  await it.failedOver();
  await until(async () => (await it.replica.client.info("replication")).includes("role:master"), "the new master");
  await it.kill(0);
  await scene.sluice.ready();
  await push(it.replica.client, COUNT, COUNT + 1000);
  await expectAll(scene, it.replica, [LIST], COUNT + 1000);
  expect(scene.sluice.output).not.toContain("s3ntinel");
});

test.each([
  ["ahead", 60],
  ["behind", -60],
])(
  "the clock of a new master is a minute %s: nobody loses what he is working on, and everything arrives",
  async (_, seconds) => {
    const master = await useRedis();
    const replica = await useRedis({ env: shiftedClock(seconds) });
    const [clock] = await replica.client.time();
    expect(Math.abs(Number(clock) - Date.now() / 1000 - seconds)).toBeLessThan(10);
    await replica.client.replicaof(master.host, master.port);
    const info = () => replica.client.info("replication");
    await until(async () => (await info()).includes("master_link_status:up"), "the replica to follow");
    const target = { host: master.host, port: master.port };
    const proxy = await startProxy(target);
    onTestFinished(() => proxy.stop());
    // Two, so that one could take what the other has.
    const storage = { addrs: [`127.0.0.1:${proxy.port}`] };
    const scenes = [await useSluiceOn(storage), await useSluiceOn(storage)];
    await push(master.client, 0, COUNT);
    await master.client.wait(1, 5000);
    await begun(...scenes);
    target.port = replica.port;
    await master.kill("SIGKILL");
    await replica.client.replicaof("NO", "ONE");
    for (const { sluice } of scenes) await sluice.ready();
    await push(replica.client, COUNT, COUNT + 1000);
    await scenes[0]!.sluice.drained(replica, ["csv"]);
    // Nor does what is done stay, whatever time its name tells.
    const log = keysOf(LIST).log;
    await until(async () => (await replica.client.xlen(log)) === 0, "the chunks to be deleted");
    for (const { sluice } of scenes) {
      expect((await sluice.terminate()).code).toBe(0);
      expect(sluice.output).not.toContain("taken over by another instance");
    }
    const found = arrivals(numbersIn(...scenes.map(({ csv }) => csv)), COUNT + 1000);
    expect(found).toMatchObject({ missing: [], foreign: [] });
    expect(found.duplicates).toBeLessThanOrEqual(COUNT);
  },
  120_000,
);

test("Cluster: a master is killed with -9 while it is drained; its replica takes over, and all that it had arrives", async () => {
  const cluster = await useCluster({ replicas: true });
  const scene = await useSluiceOn({ addrs: addresses(cluster.masters.slice(0, 1)), enable_cluster: true });
  const share = COUNT / SPREAD.length;
  for (const [i, list] of SPREAD.entries()) await push(cluster.client, i * share, (i + 1) * share, list);
  for (const { client } of cluster.masters) await client.wait(1, 5000);
  await begun(scene);
  // Also the node that it was told of.
  await cluster.masters[0]!.kill("SIGKILL");
  await until(
    async () => (await cluster.replicas[0]!.client.info("replication")).includes("role:master"),
    "the replica to be a master",
  );
  await scene.sluice.ready();
  await push(cluster.client, COUNT, COUNT + 1000, SPREAD.find((list) => cluster.ownerOf(list) === cluster.masters[0])!);
  await expectAll(scene, cluster, SPREAD, COUNT + 1000);
});

test("Cluster: a node without a replica is away; the lists of the others go on, and its own when it is back", async () => {
  const flags = { "cluster-require-full-coverage": "no", appendonly: "yes", appendfsync: "always" };
  const cluster = await useCluster({ flags });
  const scene = await useSluiceOn({ addrs: addresses(cluster.masters), enable_cluster: true });
  const lost = cluster.masters[0]!;
  const [its, others] = [true, false].map((of) => SPREAD.filter((list) => (cluster.ownerOf(list) === lost) === of));
  await push(cluster.client, 0, 5000, its![0]!);
  await begun(scene);
  await lost.kill("SIGKILL");
  await push(cluster.client, 5000, 10_000, others![0]!);
  await scene.sluice.drained(cluster, ["csv"], { lists: others! });
  await lost.restart();
  const seen = () => cluster.client.llen(its![0]!).then(Number.isInteger, () => false);
  await until(seen, "the test's own client to see it again");
  await expectAll(scene, cluster, SPREAD, 10_000);
});

test("Cluster: a slot moves while its list is drained; everything arrives once, and no gateway's expiry strikes meanwhile", async () => {
  const cluster = await useCluster();
  const scene = await useSluiceOn({ addrs: addresses(cluster.masters), enable_cluster: true });
  const from = cluster.ownerOf(LIST);
  const to = cluster.masters.find((node) => node !== from)!;
  for (let round = 0; round < 2; round++) {
    const [source, target] = round === 0 ? [from, to] : [to, from];
    await push(cluster.client, round * 15_000, (round + 1) * 15_000);
    await cluster.move(slotOf(LIST), source, target, async () => {
      await push(cluster.client, 30_000 + round * 100, 30_000 + (round + 1) * 100);
      await cluster.client.expire(LIST, 60);
      await until(async () => (await cluster.client.ttl(LIST)) < 0, "the expiry to be taken off");
    });
  }
  await expectAll(scene, cluster, [LIST], 30_200, 0);
});

test("TLS with a client's certificate: everything arrives once; a server that the authority did not sign is refused by name", async () => {
  const certificates = makeCertificates();
  const foreign = makeCertificates();
  onTestFinished(() => {
    certificates.remove();
    foreign.remove();
  });
  const redis = await useRedis({ tls: certificates });
  const { cert, key } = certificates.client;
  const storage = (ca: string) => ({
    ...{ host: "localhost", port: redis.port, use_ssl: true },
    ...{ ssl_ca_file: ca, ssl_cert_file: cert, ssl_key_file: key },
  });
  await push(redis.client, 0, 5000);
  const scene = await useSluiceOn(storage(certificates.ca));
  await expectAll(scene, redis, [LIST], 5000, 0);
  const stranger = await useSluice({ redis, csv: { csv: useFolder() }, storage: storage(foreign.ca) });
  await stranger.unready(/TLS with localhost:\d+ failed.*ssl_ca_file/);
  await stranger.kill();
  const trusting = { ...storage(foreign.ca), ssl_insecure_skip_verify: true };
  await (await useSluice({ redis, csv: { csv: useFolder() }, storage: trusting })).ready();
});

async function begun(...scenes: Scene[]): Promise<void> {
  const size = () => scenes.flatMap(({ csv }) => csvFiles(csv)).reduce((sum, file) => sum + statSync(file).size, 0);
  await until(
    () => size() > 100_000,
    () => `the first rows\n${scenes.map(({ sluice }) => sluice.tail()).join("\n")}`,
  );
}

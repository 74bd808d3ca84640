import { makeCertificates } from "../../test/support/certificates.ts";
import { startCluster, type TestCluster } from "../../test/support/cluster.ts";
import { LISTS } from "../../test/support/gateway.ts";
import { startRedis, type TestRedis } from "../../test/support/redis.ts";
import { cpuOf } from "../cpu.ts";
import { runPump } from "../pump.ts";
import { Spread } from "../spread.ts";
import type { Figure } from "../table.ts";

const RECORDS = 300_000;
const ROUNDS = 5;
const LISTS_A_NODE = 2;
/** The same lists on one server, on the three nodes of a cluster, and on one server through TLS; they take turns. */
export async function topology(): Promise<Figure[]> {
  const certificates = makeCertificates();
  const stops: (() => Promise<void>)[] = [];
  try {
    const alone = await startRedis();
    stops.push(() => alone.stop());
    const secret = await startRedis({ tls: certificates });
    stops.push(() => secret.stop());
    const cluster = await startCluster();
    stops.push(() => cluster.stop());
    const lists = evenly(cluster);
    const { cert, key } = certificates.client;
    const tls = { use_ssl: true, ssl_ca_file: certificates.ca, ssl_cert_file: cert, ssl_key_file: key };
    const addrs = cluster.masters.map(({ host, port }) => `${host}:${port}`);
    const variants: Variant[] = [
      {
        name: "one server",
        source: new Spread({ host: alone.host, port: alone.port }, alone.client, lists),
        servers: [alone],
      },
      {
        name: "cluster of three nodes",
        source: new Spread({ addrs, enable_cluster: true }, cluster.client, lists),
        servers: cluster.masters,
        atLeast: 0.7,
      },
      {
        name: "one server through TLS",
        source: new Spread({ host: secret.host, port: secret.port, ...tls }, secret.client, lists),
        servers: [secret],
        atLeast: 0.6,
      },
    ];
    const rates = variants.map((): number[] => []);
    const cpu = variants.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, { source, servers }] of variants.entries()) {
        let before = 0;
        const push = async () => {
          before = cpuOf(servers);
          await source.push();
        };
        const { sinks, cpuSeconds } = await runPump(source, { a: { type: "count" } }, RECORDS, push);
        rates[i]!.push(RECORDS / sinks.get("a")!.seconds);
        cpu[i]!.push(((cpuSeconds + cpuOf(servers) - before) / RECORDS) * 1e9);
      }
    }
    return variants.flatMap(({ name, atLeast }, i): Figure[] => {
      const figures: Figure[] = [
        { name, values: rates[i]!, unit: "records/s" },
        { name: "  CPU a record, Redis and Sluice", values: cpu[i]!, unit: "ns" },
      ];
      if (atLeast === undefined) return figures;
      const shares = rates[i]!.map((rate, round) => rate / rates[0]![round]!);
      return [...figures, { name: "  share of one server's records/s", values: shares, atLeast }];
    });
  } finally {
    for (const stop of stops.reverse()) await stop();
    certificates.remove();
  }
}

interface Variant {
  name: string;
  source: Spread;
  servers: readonly TestRedis[];
  atLeast?: number;
}

/** As many lists of each node. */
function evenly(cluster: TestCluster): string[] {
  const plain = LISTS.filter((list) => !list.endsWith("_protobuf"));
  return cluster.masters.flatMap((node) =>
    plain.filter((list) => cluster.ownerOf(list) === node).slice(0, LISTS_A_NODE),
  );
}

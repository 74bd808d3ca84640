import { makeCertificates } from "../../test/support/certificates.ts";
import { startCluster, type TestCluster } from "../../test/support/cluster.ts";
import { LISTS } from "../../test/support/gateway.ts";
import { startRedis } from "../../test/support/redis.ts";
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
    const sources = {
      alone: new Spread({ host: alone.host, port: alone.port }, alone.client, lists),
      cluster: new Spread({ addrs, enable_cluster: true }, cluster.client, lists),
      tls: new Spread({ host: secret.host, port: secret.port, ...tls }, secret.client, lists),
    };
    const rates = { alone: [] as number[], cluster: [] as number[], tls: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, source] of Object.entries(sources)) {
        const { sinks } = await runPump(source, { a: { type: "count" } }, RECORDS);
        rates[name as keyof typeof rates].push(RECORDS / sinks.get("a")!.seconds);
      }
    }
    const share = (values: readonly number[]) => values.map((value, round) => value / rates.alone[round]!);
    return [
      { name: "one server", values: rates.alone, unit: "records/s" },
      { name: "cluster of three nodes", values: rates.cluster, unit: "records/s" },
      { name: "  share of one server's", values: share(rates.cluster), atLeast: 0.7 },
      { name: "one server through TLS", values: rates.tls, unit: "records/s" },
      { name: "  share of one server's", values: share(rates.tls), atLeast: 0.6 },
    ];
  } finally {
    for (const stop of stops.reverse()) await stop();
    certificates.remove();
  }
}

/** As many lists of each node. */
function evenly(cluster: TestCluster): string[] {
  const plain = LISTS.filter((list) => !list.endsWith("_protobuf"));
  return cluster.masters.flatMap((node) =>
    plain.filter((list) => cluster.ownerOf(list) === node).slice(0, LISTS_A_NODE),
  );
}

import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Certificates, makeCertificates } from "../../test/support/certificates.ts";
import { until } from "../../test/support/pump.ts";
import { redisLogConfig, startRedis, type TestRedis } from "../../test/support/redis.ts";
import type { TlsConfig } from "../config/config.ts";
import { LOG_ERROR_CODES } from "./errors.ts";
import { analyticsLists } from "./keys.ts";
import type { DeliveryLog } from "./log.ts";
import { openRedisLog } from "./redis.ts";

let certificates: Certificates;
let foreign: Certificates;
let redis: TestRedis;
beforeAll(async () => {
  certificates = makeCertificates();
  foreign = makeCertificates();
  redis = await startRedis({ tls: certificates });
});
afterAll(async () => {
  await redis.stop();
  certificates.remove();
  foreign.remove();
});

function tls(changes: Partial<TlsConfig> = {}): TlsConfig {
  const { ca: caFile, client } = certificates;
  const files = { caFile, certFile: client.cert, keyFile: client.key, insecure: false };
  return { ...files, minVersion: "TLSv1.2", maxVersion: "TLSv1.3", ...changes };
}

async function openLog(config: TlsConfig, node: { host: string; port: number } = redis): Promise<DeliveryLog> {
  const limits = { leaseMs: 1000, chunkRecords: 10, chunkBytes: 1e6 };
  const lists = analyticsLists("analytics-").slice(0, 1);
  const log = openRedisLog({ ...redisLogConfig(node, { tls: config, timeoutMs: 1500 }), ...limits }, { lists });
  onTestFinished(() => log.close());
  await log.open([]);
  return log;
}

const refused = (message: RegExp) => ({ code: LOG_ERROR_CODES.tls, message: expect.stringMatching(message) });

describe("TLS to Redis", () => {
  test("each version, and a server's name", async () => {
    await openLog(tls({ maxVersion: "TLSv1.2" }));
    await openLog(tls({ minVersion: "TLSv1.3" }));
    await openLog(tls({ minVersion: "TLSv1" }));
    await openLog(tls(), { host: "localhost", port: redis.port });
  });

  test("what is wrong is named at once: authority, certificate, version, a port without TLS, a file", async () => {
    await expect(openLog(tls({ caFile: foreign.ca }))).rejects.toMatchObject(
      refused(/127\.0\.0\.1:\d+ failed.*ssl_ca_file/),
    );
    await expect(openLog(tls({ caFile: "" }))).rejects.toMatchObject(refused(/failed/));
    await expect(openLog(tls({ certFile: "", keyFile: "" }))).rejects.toMatchObject(refused(/certificate required/));
    const { cert, key } = foreign.client;
    await expect(openLog(tls({ certFile: cert, keyFile: key }))).rejects.toMatchObject(refused(/unknown ca/));
    await redis.client.config("SET", "tls-protocols", "TLSv1.3");
    await expect(openLog(tls({ maxVersion: "TLSv1.2" }))).rejects.toMatchObject(refused(/protocol version/));
    await redis.client.config("SET", "tls-protocols", "");
    const plain = await startRedis();
    onTestFinished(() => plain.stop());
    await expect(openLog(tls(), plain)).rejects.toMatchObject({
      message: expect.stringContaining("does the port speak TLS?"),
    });
    await expect(openLog(tls({ caFile: "/nowhere.pem" }))).rejects.toMatchObject(
      refused(/^ssl_ca_file \/nowhere\.pem cannot be read \(ENOENT\)/),
    );
  });

  test("a connection that refuses the certificate and stays open fails once, at once", async () => {
    const relay = createServer((down) => {
      const up = connect(redis.port, redis.host);
      down.on("data", (bytes) => up.write(bytes)).on("error", () => {});
      up.on("data", (bytes) => down.write(bytes)).on("error", () => {});
    });
    await once(relay.listen(0, "127.0.0.1"), "listening");
    onTestFinished(() => void relay.close());
    const { port } = relay.address() as AddressInfo;
    const { cert, key } = foreign.client;
    const config = tls({ certFile: cert, keyFile: key, minVersion: "TLSv1.3" });
    await expect(openLog(config, { host: "127.0.0.1", port })).rejects.toMatchObject(refused(/unknown ca/));
  });

  test("any certificate will do where that is wanted", async () => {
    await openLog(tls({ caFile: foreign.ca, insecure: true }));
  });

  test("a certificate that was renewed counts from the next connection on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-tls-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const install = ({ client }: Certificates) => {
      copyFileSync(client.cert, certFile);
      copyFileSync(client.key, keyFile);
    };
    install(certificates);
    const log = await openLog(tls({ certFile, keyFile }));
    install(foreign);
    const cut = () => redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await cut();
    await expect(log.lists[0]!.claim()).rejects.toMatchObject({ code: expect.stringMatching(/TLS|UNAVAILABLE/) });
    await until(() => log.connectedAt === null, "the connection to be over");
    install(certificates);
    await until(() => log.connectedAt !== null, "a connection with the renewed certificate");
    expect(await log.lists[0]!.claim()).toEqual({ claimed: 0, left: 0 });
  });
});

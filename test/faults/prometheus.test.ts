import { expect, test } from "vitest";
import { samplesOf } from "../golden/metrics.ts";
import { push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import { freePort } from "../support/redis.ts";
import { CHUNK, type SluiceProcess, useRedis, useSluice } from "../support/sluice.ts";

/** The prometheus sink in real processes: confined, on a real Redis. */

const SINK = "metrics";

type Redis = Awaited<ReturnType<typeof useRedis>>;

function start(redis: Redis, address: string): Promise<SluiceProcess> {
  return useSluice({ redis, csv: {}, pumps: { [SINK]: { type: "prometheus", meta: { listen_address: address } } } });
}

/** Records counted since the sink's start. */
async function counted(address: string): Promise<number> {
  const samples = samplesOf(await (await fetch(`http://${address}/metrics`)).text());
  return [...samples].reduce((sum, [key, value]) => sum + (key.startsWith("tyk_http_status{") ? value : 0), 0);
}

test("killed and started again it begins at 0 and counts what is left; nothing that was waiting is lost", async () => {
  const redis = await useRedis();
  const address = `127.0.0.1:${await freePort()}`;
  await push(redis.client, 0, 3000);
  const first = await start(redis, address);
  await first.drained(redis, [SINK]);
  expect(await counted(address)).toBe(3000);
  await first.kill();

  await push(redis.client, 3000, 5000);
  const second = await start(redis, address);
  await second.drained(redis, [SINK]);
  expect(await counted(address)).toBe(2000);
  const { code } = await second.terminate();
  expect(code).toBe(0);
  await expect(fetch(`http://${address}/metrics`)).rejects.toThrow();
});

test("while another process has the port the sink waits and says so; it takes over when that one ends", async () => {
  const redis = await useRedis();
  const address = `127.0.0.1:${await freePort()}`;
  const first = await start(redis, address);
  await first.ready();
  const second = await start(redis, address);
  const reason = (answer: { sinks: { [name: string]: { reason?: string | null } } } | null) =>
    answer?.sinks[SINK]?.reason ?? "";
  await second.says((answer) => reason(answer).includes(`${address} is in use`), "that the port is in use");
  await push(redis.client, 0, 10 * CHUNK);
  await first.drained(redis, [SINK]);
  expect(await counted(address)).toBe(10 * CHUNK);

  await first.terminate();
  await push(redis.client, 10 * CHUNK, 15 * CHUNK);
  await second.ready(60);
  await second.drained(redis, [SINK]);
  await until(
    async () => (await counted(address)) === 5 * CHUNK,
    () => "the second process to have counted what came after the first",
  );
  await second.terminate();
}, 120_000);

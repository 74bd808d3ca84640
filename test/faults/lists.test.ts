import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { arrivals, LIST, LISTS, numberOf, numbersIn, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import type { TestRedis } from "../support/redis.ts";
import { useFolder, useRedis, useSluice } from "../support/sluice.ts";

test("all 22 lists, both wires, in one run: each record arrives once, and no chunk is left behind", async () => {
  const redis = await useRedis();
  const csv = join(useFolder(), "csv");
  const sluice = await useSluice({ redis, csv: { csv } });
  await sluice.ready();
  const each = 350;
  await Promise.all(LISTS.map((list, i) => push(redis.client, i * each, (i + 1) * each, list)));
  await sluice.drained(redis, ["csv"], { lists: [...LISTS] });
  expect(arrivals(numbersIn(csv), LISTS.length * each)).toEqual({ missing: [], foreign: [], duplicates: 0 });
  // Chunks are swept when they are ten seconds old.
  await until(async () => (await redis.client.keys("*:sluice:c:*")).length === 0, "a sweep", 20);
  const keys = await redis.client.keys("*");
  const logs = LISTS.flatMap((list) => [`{${list}}:sluice:log`, `{${list}}:sluice:sinks`]);
  expect(keys.sort()).toEqual([...logs, "version-check-pump"].sort());
});

/** A pump of the old kind, as fast as it can; `take` removes what it gives. */
function oldPump(redis: TestRedis, take: (client: Redis) => Promise<Buffer[]>): { stop(): Promise<number[]> } {
  const client = new Redis({ host: redis.host, port: redis.port });
  onTestFinished(() => client.disconnect());
  const got: number[] = [];
  let stopped = false;
  const loop = (async () => {
    while (!stopped) {
      for (const record of await take(client)) got.push(numberOf(record));
      await sleep(Math.random() * 20);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await loop;
      return got;
    },
  };
}

const POPS: { [how: string]: (client: Redis) => Promise<Buffer[]> } = {
  "MULTI LRANGE 0 -1 / DEL": async (client) => {
    const [range] = (await client.multi().lrangeBuffer(LIST, 0, -1).del(LIST).exec())!;
    return range![1] as Buffer[];
  },
  "MULTI LRANGE 0 n / LTRIM / EXPIRE (purge_chunk)": async (client) => {
    const [range] = (await client.multi().lrangeBuffer(LIST, 0, 49).ltrim(LIST, 50, -1).expire(LIST, 60).exec())!;
    return range![1] as Buffer[];
  },
};

for (const [how, pop] of Object.entries(POPS)) {
  test(`beside a pump of the old kind, ${how}: each record reaches exactly one of both`, async () => {
    const redis = await useRedis();
    const csv = join(useFolder(), "csv");
    const sluice = await useSluice({ redis, csv: { csv } });
    await sluice.ready();
    const old = oldPump(redis, pop);
    const count = 8000;
    for (let n = 0; n < count; n += 100) {
      await push(redis.client, n, n + 100);
      await sleep(Math.random() * 15);
    }
    await sluice.drained(redis, ["csv"]);
    const theirs = await old.stop();
    await sluice.terminate();
    const ours = numbersIn(csv);
    expect(arrivals([...ours, ...theirs], count)).toEqual({ missing: [], foreign: [], duplicates: 0 });
    // Else one of them had nothing to do.
    expect(Math.min(ours.length, theirs.length)).toBeGreaterThan(0);
  });
}

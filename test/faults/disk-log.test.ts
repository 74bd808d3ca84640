import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { csvFiles } from "../support/csv.ts";
import { arrivals, LIST, numbersIn, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import { CHUNK, CSV_CREDIT, useFolder, useRedis, useSluice } from "../support/sluice.ts";

const COUNT = 30_000;
const KILLS = 4;

test(`the log on disk, on a Redis that refuses scripts and streams, killed with -9 ${KILLS} times: everything arrives, and nothing stays in Redis`, async () => {
  const redis = await useRedis();
  await redis.client.call("ACL", "SETUSER", "pump", "on", ">s3cret", "~*", "+@all", "-@scripting", "-@stream");
  const folder = useFolder();
  const csv = join(folder, "csv");
  const conf = { redis, csv: { csv }, storage: { username: "pump", password: "s3cret" } };
  const settings = { log: { engine: "disk", folder: join(folder, "log") } };

  // The usual log says what is refused, and what to do.
  const refused = await useSluice(conf);
  await refused.unready(/refuses scripts.*sluice\.log\.engine "disk"/);
  await refused.kill();

  for (let kill = 0; kill < KILLS; kill++) {
    await push(redis.client, (kill * COUNT) / KILLS, ((kill + 1) * COUNT) / KILLS);
    const sluice = await useSluice({ ...conf, settings });
    const before = size(csv);
    await until(
      () => size(csv) > before,
      () => `the first rows\n${sluice.tail()}`,
    );
    await sleep(Math.random() * 100);
    await sluice.kill();
  }
  const sluice = await useSluice({ ...conf, settings });
  await sluice.ready();
  await until(
    async () => (await redis.client.llen(LIST)) === 0 && rows(csv) >= COUNT,
    () => `all rows\n${sluice.tail()}`,
  );
  expect((await sluice.terminate()).code).toBe(0);
  const { missing, foreign, duplicates } = arrivals(numbersIn(csv), COUNT);
  expect({ missing, foreign }).toEqual({ missing: [], foreign: [] });
  expect(duplicates).toBeLessThanOrEqual(KILLS * CSV_CREDIT * CHUNK);
  expect(await redis.client.keys("*")).toEqual([]);
});

function size(folder: string): number {
  return csvFiles(folder).reduce((sum, file) => sum + statSync(file).size, 0);
}

/** Distinct ones; while it is written the last file may be torn. */
function rows(folder: string): number {
  try {
    return new Set(numbersIn(folder)).size;
  } catch {
    return 0;
  }
}

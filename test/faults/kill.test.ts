import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { csvFiles } from "../support/csv.ts";
import { arrivals, numbersIn, owners, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import { CHUNK, CSV_CREDIT, useFolder, useRedis, useSluice } from "../support/sluice.ts";

const COUNT = 100_000;
const KILLS = 8;

test(`killed with -9 at ${KILLS} random instants, every one of ${COUNT} records is in the CSV files, whole, and no more came twice than were in hand`, async () => {
  const redis = await useRedis();
  const folder = useFolder();
  const csv = join(folder, "csv");
  const conf = { redis, csv: { csv } };
  const share = COUNT / (KILLS + 1);
  let struck = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await push(redis.client, Math.round(kill * share), Math.round((kill + 1) * share));
    const sluice = await useSluice(conf);
    const before = size(csv);
    await until(
      () => size(csv) > before,
      () => `the first rows\n${sluice.tail()}`,
    );
    await sleep(Math.random() * 150);
    await sluice.kill();
    if ((await owners(redis.client, "csv")).size > 0) struck++;
  }
  await push(redis.client, Math.round(KILLS * share), COUNT);
  const sluice = await useSluice(conf);
  await sluice.drained(redis, ["csv"]);
  await sluice.terminate();
  const { missing, duplicates, foreign } = arrivals(numbersIn(csv), COUNT);
  expect({ missing, foreign }).toEqual({ missing: [], foreign: [] });
  expect(duplicates).toBeLessThanOrEqual(KILLS * CSV_CREDIT * CHUNK);
  // Else the kills found nothing in hand.
  expect(struck).toBeGreaterThan(0);
}, 120_000);

function size(folder: string): number {
  return csvFiles(folder).reduce((sum, file) => sum + statSync(file).size, 0);
}

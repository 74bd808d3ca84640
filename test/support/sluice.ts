import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { creditFor, limitsFor } from "../../core/actor/limits.ts";
import csv from "../../plugins/csv/index.ts";
import type { TestSink } from "./pump.ts";
import { freePort, type RedisOptions, startRedis, type TestRedis } from "./redis.ts";
import { LEASE_MS, SluiceProcess, startSluiceWith, type WithTestSinks } from "./sluice-process.ts";

export { type Ended, LEASE_MS, SluiceProcess } from "./sluice-process.ts";

/** Real processes of Sluice on a real Redis, each stopped when its test ends, however it ends. */
const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));

/** Records of a chunk, unless a test says otherwise. */
export const CHUNK = 100;
/** Chunks that a CSV sink may hold: what one kill may repeat. */
export const CSV_CREDIT = creditOf(csv);

function creditOf({ batch, concurrency = 1 }: typeof csv): number {
  const asked = { batch: typeof batch === "object" ? batch : null, gather: null, concurrency };
  const limits = limitsFor({ t: "ready", api: 1, reads: "analytics", single: false, decodes: true, ...asked }, 0);
  return creditFor(limits, "writer").chunks;
}

export async function useRedis(options?: RedisOptions): Promise<TestRedis> {
  const redis = await startRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}

export function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-faults-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface PumpConf {
  redis: { host: string; port: number };
  /** Name -> folder of a CSV sink. */
  csv: { [name: string]: string };
  /** Other sinks, as in pump.conf. */
  pumps?: { [name: string]: object };
  chunkRecords?: number;
  stopMs?: number;
  /** Of one command to Redis, seconds. */
  timeout?: number;
  /** `uptime_pump_config`; without it uptime records are left alone. */
  uptime?: object;
  /** More of `analytics_storage_config`. */
  storage?: object;
  /** More of `sluice`. */
  settings?: object;
  /** Variables of the process. */
  env?: { [name: string]: string };
}

/** `sluice start -c pump.conf` with CSV sinks. */
export async function useSluice(conf: PumpConf): Promise<SluiceProcess> {
  const folder = useFolder();
  const port = await freePort();
  const file = join(folder, "pump.conf");
  const pumps = Object.entries(conf.csv).map(([name, csv_dir]) => [name, { type: "csv", meta: { csv_dir } }]);
  for (const csvFolder of Object.values(conf.csv)) mkdirSync(csvFolder, { recursive: true });
  const json = {
    analytics_storage_config: {
      type: "redis",
      host: conf.redis.host,
      port: conf.redis.port,
      timeout: conf.timeout ?? 5,
      ...conf.storage,
    },
    dont_purge_uptime_data: conf.uptime === undefined,
    ...(conf.uptime && { uptime_pump_config: conf.uptime }),
    health_check_endpoint_port: port,
    log_level: "debug",
    pumps: { ...Object.fromEntries(pumps), ...conf.pumps },
    sluice: {
      delivery: { lease: LEASE_MS, poll: 50, chunk_records: conf.chunkRecords ?? CHUNK },
      stop: conf.stopMs ?? 5000,
      ...conf.settings,
    },
  };
  writeFileSync(file, JSON.stringify(json));
  return ending(new SluiceProcess([COMMAND, "start", "-c", file], folder, port, file, conf.env));
}

/** The same with the sinks of test/sinks. */
export async function useSluiceWith(
  redis: { host: string; port: number },
  sinks: { [name: string]: TestSink },
  more: Partial<WithTestSinks> = {},
): Promise<SluiceProcess> {
  return ending(await startSluiceWith(redis, sinks, { ...more, folder: more.folder ?? useFolder() }));
}

function ending(sluice: SluiceProcess): SluiceProcess {
  onTestFinished(() => sluice.kill());
  return sluice;
}

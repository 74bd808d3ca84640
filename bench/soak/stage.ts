import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startPostgres, type TestPostgres } from "../../test/support/postgres.ts";
import { freePort, startRedis, type TestRedis } from "../../test/support/redis.ts";
import { SluiceProcess } from "../../test/support/sluice-process.ts";

const SLUICE = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));
export const SINKS = ["csv", "sql", "sql_aggregate", "prometheus"] as const;
export type SinkName = (typeof SINKS)[number];

/** Servers of our own, and a pump in front of them. */
export interface Stage {
  readonly redis: TestRedis;
  readonly postgres: TestPostgres;
  readonly sluice: SluiceProcess;
  /** Folder of the CSV sink. */
  readonly rows: string;
  /** What the prometheus sink shows. */
  scrape(): Promise<string>;
  /** Changes a setting of the CSV sink and sends SIGHUP: it is replaced. */
  reload(): void;
  stop(): Promise<void>;
}

export async function setStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-soak-"));
  const stops: (() => Promise<void>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const redis = await startRedis();
    stops.push(() => redis.stop());
    const postgres = await startPostgres({ flags: { max_wal_size: "1GB" } });
    stops.push(() => postgres.stop());
    const rows = join(folder, "rows");
    mkdirSync(rows);
    const address = `127.0.0.1:${await freePort()}`;
    const port = await freePort();
    const file = join(folder, "pump.conf");
    let omit = false;
    const write = () => writeFileSync(file, JSON.stringify(pumpConf({ redis, postgres, rows, address, port }, omit)));
    write();
    const sluice = new SluiceProcess([SLUICE, "start", "-c", file], folder, port, file);
    stops.push(() => sluice.kill());
    await sluice.ready(120);
    return {
      redis,
      postgres,
      sluice,
      rows,
      scrape: async () => (await fetch(`http://${address}/metrics`)).text(),
      reload() {
        omit = !omit;
        write();
        sluice.signal("SIGHUP");
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Place {
  redis: TestRedis;
  postgres: TestPostgres;
  rows: string;
  address: string;
  port: number;
}

function pumpConf({ redis, postgres, rows, address, port }: Place, omit: boolean): object {
  const database = { type: "postgres", connection_string: postgres.dsn };
  const pumps: { [name in SinkName]: object } = {
    csv: { type: "csv", meta: { csv_dir: rows }, omit_detailed_recording: omit },
    sql: { type: "sql", meta: database },
    sql_aggregate: { type: "sql_aggregate", meta: database },
    prometheus: { type: "prometheus", meta: { listen_address: address } },
  };
  return {
    analytics_storage_config: { type: "redis", host: redis.host, port: redis.port },
    dont_purge_uptime_data: true,
    health_check_endpoint_port: port,
    log_level: "error",
    pumps,
  };
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { creditFor, limitsFor } from "../../core/actor/limits.ts";
import type { Readiness } from "../../core/admin/readiness.ts";
import type { BacklogConfig, Config } from "../../core/config/config.ts";
import csv from "../../plugins/csv/index.ts";
import type { TestCluster } from "./cluster.ts";
import { isDrained, LIST } from "./gateway.ts";
import { guard } from "./guard.ts";
import { type TestSink, testConfig, until } from "./pump.ts";
import { freePort, type RedisOptions, redisLogConfig, startRedis, type TestRedis } from "./redis.ts";

/** Real processes of Sluice on a real Redis, each stopped when its test ends, however it ends. */
const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));
const WITH_TEST_SINKS = fileURLToPath(new URL("./pump-process.ts", import.meta.url));

/** Short, so that a takeover is quick; the least that a configuration may say. */
export const LEASE_MS = 1000;
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
  return new SluiceProcess([COMMAND, "start", "-c", file], folder, port);
}

/** The same with the sinks of test/sinks, which no lock names: the configuration is given as it is after loading. */
export async function useSluiceWith(
  redis: { host: string; port: number },
  sinks: { [name: string]: TestSink },
  more: {
    folder?: string;
    delivery?: Partial<Config["delivery"]>;
    stopMs?: number;
    backlog?: BacklogConfig;
    cluster?: boolean;
  } = {},
): Promise<SluiceProcess> {
  const folder = more.folder ?? useFolder();
  const config: Config = {
    ...testConfig(folder, sinks, { leaseMs: LEASE_MS, ...more.delivery }),
    log: redisLogConfig(redis, { cluster: more.cluster ?? false, ...(more.backlog && { backlog: more.backlog }) }),
    health: { host: "127.0.0.1", port: await freePort(), endpoint: "health" },
    stopMs: more.stopMs ?? 5000,
  };
  const file = join(useFolder(), "config.json");
  writeFileSync(file, JSON.stringify(config));
  return new SluiceProcess([WITH_TEST_SINKS, file], folder, config.health.port);
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

type Answer = Readiness & { status: number };
type Wanted = (readiness: Answer | null) => boolean;

export class SluiceProcess {
  readonly folder: string;
  /** What it wrote, both streams. */
  output = "";
  /** Null while it runs. */
  ended: Ended | null = null;
  readonly #child: ChildProcess;
  readonly #port: number;

  constructor(args: readonly string[], folder: string, port: number) {
    this.folder = folder;
    this.#port = port;
    // No variable of the machine's may configure it.
    const env = { PATH: process.env.PATH, SLUICE_RUN_DIR: join(folder, "run") };
    this.#child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    const unguard = guard(this.#child.pid!);
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    this.#child.on("exit", (code, signal) => {
      this.ended = { code, signal };
      unguard();
    });
    onTestFinished(() => this.kill());
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.end();
  }

  /** SIGTERM; resolves when it is gone, with how and how long that took. */
  async terminate(): Promise<Ended & { ms: number }> {
    const began = performance.now();
    this.signal("SIGTERM");
    const ended = await this.end();
    return { ...ended, ms: performance.now() - began };
  }

  async end(): Promise<Ended> {
    if (this.ended === null) await once(this.#child, "exit");
    return this.ended!;
  }

  /** What `/readyz` says; null while nothing listens. */
  async readiness(): Promise<Answer | null> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#port}/readyz`, { signal: AbortSignal.timeout(2000) });
      return { status: response.status, ...((await response.json()) as Readiness) };
    } catch {
      return null;
    }
  }

  /** What `/metrics` says. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text();
  }

  async ready(seconds = 30): Promise<void> {
    await this.says((readiness) => readiness?.status === 200, "that it is ready", seconds);
  }

  /** Waits until `/readyz` answers 503, with such a reason for the log. */
  async unready(reason: RegExp, seconds = 30): Promise<void> {
    const wanted: Wanted = (readiness) => readiness?.status === 503 && reason.test(readiness.log.reason ?? "");
    await this.says(wanted, `that the log is not within reach: ${reason}`, seconds);
  }

  async says(wanted: Wanted, what: string, seconds = 30): Promise<void> {
    let last: Answer | null = null;
    await until(
      async () => {
        if (this.ended) throw new Error(`it ended with ${JSON.stringify(this.ended)}\n${this.tail()}`);
        last = await this.readiness();
        return wanted(last);
      },
      () => `/readyz to say ${what}; it says ${JSON.stringify(last)}\n${this.tail()}`,
      seconds,
    );
  }

  /** Waits until these sinks have acknowledged all that is in these lists. */
  async drained(
    redis: Pick<TestRedis | TestCluster, "client">,
    sinks: readonly string[],
    { lists = [LIST], seconds = 30 }: { lists?: readonly string[]; seconds?: number } = {},
  ): Promise<void> {
    await until(
      async () => {
        if (this.ended) throw new Error(`it ended with ${JSON.stringify(this.ended)}\n${this.tail()}`);
        for (const list of lists) if (!(await isDrained(redis.client, sinks, list))) return false;
        return true;
      },
      () => `${sinks} to have everything\n${this.tail()}`,
      seconds,
    );
  }

  /** The last lines of its output, for the message of a failure. */
  tail(): string {
    return this.output.split("\n").slice(-20).join("\n");
  }
}

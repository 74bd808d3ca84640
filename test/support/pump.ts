import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { NO_PREPARATION } from "@sluice/sdk/testing";
import type { Config, ResolvedPlugin, SinkConfig } from "../../core/config/config.ts";
import type { DeadLetter } from "../../core/log/log.ts";
import { openSqliteLog, type SqliteLog } from "../../core/log/sqlite.ts";
import { createLogger } from "../../core/logging/index.ts";
import type { SinkStatus } from "../../core/supervisor/status.ts";
import { createSupervisor, type Supervisor } from "../../core/supervisor/supervisor.ts";

export const LIST = "analytics-tyk-system-analytics";

export interface TestSink extends Partial<Omit<SinkConfig, "plugin">> {
  type: string;
  plugin?: Partial<ResolvedPlugin>;
  /** Path from test/sinks. */
  module: string;
}

/** The configuration of a supervisor with sinks of test/sinks, each writing `<name>.out` in the folder, over an embedded log. */
export function testConfig(
  folder: string,
  sinks: { [name: string]: TestSink },
  delivery: Partial<Config["delivery"]> = {},
): Config {
  return {
    log: { engine: "disk", folder: path.join(folder, "log") },
    delivery: {
      leaseMs: 30_000,
      pollMs: 20,
      chunkRecords: 100,
      chunkBytes: 1 << 20,
      letters: { records: 1000, bytes: 1 << 20 },
      ...delivery,
    },
    sinks: Object.entries(sinks).map(([name, { module, plugin, ...sink }]) => ({
      name,
      reads: "analytics",
      fingerprint: name,
      prepare: NO_PREPARATION,
      timeoutMs: 0,
      actors: 1,
      heapMb: 128,
      ...sink,
      config: { file: path.join(folder, `${name}.out`), ...(sink.config as object | undefined) },
      plugin: {
        name: module,
        version: "0",
        entry: new URL(`../sinks/${module}`, import.meta.url).href,
        api: 1,
        features: [],
        permissions: { write: [folder] },
        isolation: "worker" as const,
        roots: [fileURLToPath(new URL("../sinks", import.meta.url))],
        link: null,
        files: null,
        pathKeys: [],
        ...plugin,
      },
    })),
    health: { host: "127.0.0.1", port: 0, endpoint: "health" },
    logging: { level: "debug", format: "text" },
    statsd: null,
    otlp: null,
    uptime: null,
    daemon: { file: null, bytes: 1 << 20, files: 2 },
    secretsRefreshMs: 0,
    watch: false,
    stopMs: 5000,
  };
}

/** A supervisor in this process over an embedded log, with the sinks of test/sinks. */
export class TestPump {
  readonly folder = mkdtempSync(path.join(tmpdir(), "sluice-pump-"));
  readonly log: SqliteLog;
  readonly supervisor: Supervisor;
  readonly lines: string[] = [];

  /** `loaded`: further sinks, as a configuration gives them. */
  constructor(
    sinks: { [name: string]: TestSink },
    delivery: Partial<Config["delivery"]> = {},
    loaded: readonly SinkConfig[] = [],
  ) {
    const config = testConfig(this.folder, sinks, delivery);
    config.sinks.push(...loaded);
    this.log = openSqliteLog({ folder: path.join(this.folder, "log"), ...config.delivery });
    const logger = createLogger({
      level: "debug",
      format: "text",
      perSecond: 1000,
      write: (line) => this.lines.push(line),
    });
    this.supervisor = createSupervisor({ config, log: this.log, logger });
  }

  async start(records: readonly Uint8Array[] = []): Promise<void> {
    await this.supervisor.start();
    await until(() => this.supervisor.status().logError === null, "the log to open");
    if (records.length > 0) this.push(records);
  }

  push(records: readonly Uint8Array[]): void {
    this.log.append(LIST, records);
  }

  sink(name: string): SinkStatus {
    return this.supervisor.status().sinks.find((sink) => sink.name === name)!;
  }

  file(name: string): string {
    return path.join(this.folder, `${name}.out`);
  }

  /** What the sink wrote down: identity and path of each record. */
  noted(name: string): { id: string; path: string }[] {
    if (!existsSync(this.file(name))) return [];
    const lines = readFileSync(this.file(name), "utf8").split("\n").filter(Boolean);
    return lines.map((line) => ({ id: line.slice(0, line.indexOf(" ")), path: line.slice(line.indexOf(" ") + 1) }));
  }

  letters(): Promise<DeadLetter[]> {
    return this.log.lists.find((list) => list.name === LIST)!.readLetters(null, 10_000);
  }

  /** Waits until so many records are acknowledged for the sink. */
  async delivered(name: string, records: number, seconds = 30): Promise<void> {
    await until(
      () => this.sink(name).delivered >= records,
      () =>
        `${records} records delivered to ${name}: ${JSON.stringify(this.sink(name))}\n${this.lines.slice(-10).join("")}`,
      seconds,
    );
  }

  async stop(): Promise<{ released: number }> {
    const result = await this.supervisor.stop(5000);
    rmSync(this.folder, { recursive: true, force: true });
    return result;
  }
}

/** Polls until `condition` holds; throws after `seconds`, saying what was waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
  seconds = 30,
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${seconds} s for ${typeof what === "string" ? what : what()}`);
    await sleep(10);
  }
}

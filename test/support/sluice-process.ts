import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Readiness } from "../../core/admin/readiness.ts";
import type { BacklogConfig, Config, RedisLogConfig, SinkConfig } from "../../core/config/config.ts";
import type { TestCluster } from "./cluster.ts";
import { isDrained, LIST } from "./gateway.ts";
import { guard } from "./guard.ts";
import { type TestSink, testConfig, until } from "./pump.ts";
import { freePort, redisLogConfig, type TestRedis } from "./redis.ts";

const WITH_TEST_SINKS = fileURLToPath(new URL("./pump-process.ts", import.meta.url));
/** Short, so that a takeover is quick; the least that a configuration may say. */
export const LEASE_MS = 1000;

export interface WithTestSinks {
  /** Of what the sinks write. */
  folder: string;
  delivery?: Partial<Config["delivery"]>;
  stopMs?: number;
  backlog?: BacklogConfig;
  cluster?: boolean;
  /** More of how Redis is reached. */
  storage?: Partial<RedisLogConfig>;
  /** Further sinks, as a configuration gives them. */
  loaded?: readonly SinkConfig[];
  /** More of the configuration. */
  more?: Partial<Config>;
  /** Variables of the process. */
  env?: { [name: string]: string };
}

/** A real process with the sinks of test/sinks, which no lock names: the configuration is given as it is after loading. */
export async function startSluiceWith(
  redis: { host: string; port: number },
  sinks: { [name: string]: TestSink },
  { folder, delivery, stopMs = 5000, backlog, cluster = false, storage, loaded = [], more, env }: WithTestSinks,
): Promise<SluiceProcess> {
  const base = testConfig(folder, sinks, { leaseMs: LEASE_MS, ...delivery });
  const config: Config = {
    ...base,
    sinks: [...base.sinks, ...loaded],
    log: redisLogConfig(redis, { cluster, ...(backlog && { backlog }), ...storage }),
    health: { host: "127.0.0.1", port: await freePort(), endpoint: "health" },
    stopMs,
    ...more,
  };
  const file = join(folder, `config-${config.health.port}.json`);
  writeFileSync(file, JSON.stringify(config));
  return new SluiceProcess([WITH_TEST_SINKS, file], folder, config.health.port, file, env);
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
}

type Answer = Readiness & { status: number };
type Wanted = (readiness: Answer | null) => boolean;

export class SluiceProcess {
  readonly folder: string;
  /** Its configuration. */
  readonly file: string;
  /** What it wrote, both streams. */
  output = "";
  /** Null while it runs. */
  ended: Ended | null = null;
  readonly #child: ChildProcess;
  readonly #port: number;

  constructor(
    args: readonly string[],
    folder: string,
    port: number,
    file: string,
    more: { [name: string]: string } = {},
  ) {
    this.folder = folder;
    this.file = file;
    this.#port = port;
    // No variable of the machine's may configure it.
    const env = { PATH: process.env.PATH, SLUICE_RUN_DIR: join(folder, "run"), ...more };
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
  }

  get pid(): number {
    return this.#child.pid!;
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

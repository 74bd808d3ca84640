import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Address, RedisLogConfig } from "../../core/config/config.ts";
import type { Certificates } from "./certificates.ts";
import { CouldNotRun } from "./could-not-run.ts";
import { guard } from "./guard.ts";

export interface RedisOptions {
  /** Lines of redis.conf as flags, e.g. `{ maxmemory: "8mb" }`. */
  flags?: { [name: string]: string };
  password?: string;
  /** A free one unless given. */
  port?: number;
  /** Speaks only TLS, and only with clients that have a certificate. */
  tls?: Certificates;
  /** Variables of the process, beside its own. */
  env?: { [name: string]: string };
}

/** A real redis-server in a folder of its own, without persistence unless the flags ask for it. */
export interface TestRedis {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  readonly folder: string;
  /** A client of the test's own. */
  readonly client: Redis;
  /** Sends a signal and, unless it is one that stops or continues, waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts again on the same port and folder after a kill. */
  restart(): Promise<void>;
  /** Ends the server and removes the folder. */
  stop(): Promise<void>;
}

/** What the configuration loader gives for nothing but this address. */
export function redisLogConfig({ host, port }: Address, changes: Partial<RedisLogConfig> = {}): RedisLogConfig {
  return {
    engine: "redis",
    nodes: [{ host, port }],
    username: "",
    password: "",
    database: 0,
    timeoutMs: 5000,
    keyPrefix: "analytics-",
    ...changes,
  };
}

const SERVER = process.env.REDIS_SERVER ?? "redis-server";

export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  if (!hasRedis()) throw new CouldNotRun(`${SERVER} is missing; install Redis 5 or later`);
  const folder = await mkdtemp(join(tmpdir(), "sluice-redis-"));
  const host = "127.0.0.1";
  const port = options.port ?? (await freePort());
  const client = new Redis({
    host,
    port,
    lazyConnect: true,
    protocol: 2,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    ...(options.tls && { tls: clientTls(options.tls) }),
    ...(options.password !== undefined && { password: options.password }),
  });
  client.on("error", () => undefined);
  const flags = {
    bind: host,
    ...(options.tls ? serverTls(options.tls, port) : { port: String(port) }),
    dir: folder,
    save: "",
    appendonly: "no",
    "shutdown-timeout": "0",
    ...(options.password !== undefined && { requirepass: options.password }),
    ...options.flags,
  };
  let child = await launch(flags, client, options.env);

  const kill = async (signal: NodeJS.Signals) => {
    child.server.kill(signal);
    if (signal === "SIGSTOP" || signal === "SIGCONT") return;
    await ended(child.server);
    child.unguard();
  };
  return {
    host,
    port,
    url: `redis://${host}:${port}`,
    folder,
    client,
    get pid() {
      return child.server.pid!;
    },
    kill,
    async restart() {
      child = await launch(flags, client, options.env);
    },
    async stop() {
      client.disconnect();
      // A stopped process does not see SIGKILL's friends; it does see SIGKILL.
      await kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function clientTls({ ca, client }: Certificates) {
  return { ca: readFileSync(ca), cert: readFileSync(client.cert), key: readFileSync(client.key) };
}

function serverTls({ ca, server }: Certificates, port: number): { [name: string]: string } {
  return {
    port: "0",
    "tls-port": String(port),
    "tls-ca-cert-file": ca,
    "tls-cert-file": server.cert,
    "tls-key-file": server.key,
    "tls-replication": "yes",
    "tls-cluster": "yes",
  };
}

export function hasRedis(): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, SERVER)));
}

interface Launched {
  server: ChildProcess;
  unguard(): void;
}

async function launch(
  flags: { [name: string]: string | undefined },
  client: Redis,
  env: RedisOptions["env"],
): Promise<Launched> {
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value ?? ""]);
  const server = spawn(SERVER, args, { stdio: "ignore", env: { ...process.env, ...env } });
  const unguard = guard(server.pid!);
  const died = once(server, "exit").then(([code]) => {
    throw new Error(`${SERVER} ended with ${String(code)} before it answered`);
  });
  died.catch(() => undefined);
  await Promise.race([ready(client), died]);
  return { server, unguard };
}

async function ready(client: Redis): Promise<void> {
  for (;;) {
    try {
      if (client.status === "wait" || client.status === "end") await client.connect();
      await client.ping();
      return;
    } catch (error) {
      if (String(error).includes("NOAUTH")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** Where no server is, whatever other tests start meanwhile: a free port may be one of theirs by then. */
export const NO_SERVER = { host: "127.0.0.1", port: 1 };

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

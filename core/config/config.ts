import type { Kind } from "@sluice/sdk";
import type { Prepare } from "@sluice/sdk/runtime";
import type { PathKey } from "../plugins/paths.ts";
import type { Permissions } from "../plugins/permissions.ts";

/** What the daemon runs on, after files, variables, defaults and checks. Data only. */
export interface Config {
  log: RedisLogConfig | DiskLogConfig;
  /** Drain limits and pace; Tyk's `purge_delay` and `purge_chunk` do not slow a claim down. */
  delivery: DeliveryConfig;
  sinks: SinkConfig[];
  /** `host` empty: every address. */
  health: { host: string; port: number; endpoint: string };
  logging: { level: "error" | "warn" | "info" | "debug"; format: "text" | "json" | "legacy" };
  /** Statistics, as Tyk Pump sends them; null: none. */
  statsd: StatsdConfig | null;
  /** Metrics and traces for OpenTelemetry; null: none. */
  otlp: OtlpConfig | null;
  /** Tests of services; null: none are configured. */
  uptime: UptimeConfig | null;
  /** The page that shows the pump; undefined: none is served. */
  console?: ConsoleConfig;
  /** The log of a daemon. */
  daemon: DaemonConfig;
  /** Secrets are read again at this interval, ms; 0: never. */
  secretsRefreshMs: number;
  /** A change of the file reloads it. */
  watch: boolean;
  /** Whole seconds for an orderly stop before what is in hand is handed back, ms. */
  stopMs: number;
}

export interface DaemonConfig {
  /** Absolute; null: in the run folder of the instance. */
  file: string | null;
  /** Where a file is rotated. */
  bytes: number;
  /** With the one that is written; at least 2. */
  files: number;
}

export interface OtlpConfig {
  /** Without a slash at its end. */
  endpoint: string;
  headers: { [name: string]: string };
  intervalMs: number;
  /** One of so many deliveries; 0: none. */
  traceEvery: number;
}

export interface RedisLogConfig {
  engine: "redis";
  /** The server; or the Sentinels; or nodes of the cluster to begin with. Never empty. */
  nodes: readonly Address[];
  /** The nodes are Sentinels, and know where this master is. */
  sentinel?: { master: string; password: string } | undefined;
  /** The nodes are of a cluster. */
  cluster?: boolean;
  username: string;
  password: string;
  database: number;
  /** Dial, read and write, ms. */
  timeoutMs: number;
  keyPrefix: string;
  /** Of all connections; undefined: none. */
  tls?: TlsConfig | undefined;
  /** In place of username and password. */
  iam?: IamConfig | undefined;
  /** Undefined: no limit. */
  backlog?: BacklogConfig;
}

/** The limit of the backlog, and what the sink that is furthest behind pays with there. */
export interface BacklogConfig {
  /** 0: by what Redis may use. */
  maxBytes: number;
  policy: "spool" | "drop_oldest" | "hold";
  /** What is spooled is read from here whatever the policy. */
  spool: { folder: string; maxBytes: number; full: "drop_oldest" | "hold" } | null;
}

export interface Address {
  host: string;
  port: number;
}

/** Empty file names: the system's authorities, no certificate of our own. */
export interface TlsConfig {
  caFile: string;
  certFile: string;
  keyFile: string;
  /** Any certificate will do. */
  insecure: boolean;
  minVersion: TlsVersion;
  maxVersion: TlsVersion;
}

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/** Short-lived tokens as passwords. */
export type IamConfig = GoogleIamConfig | AwsIamConfig;

export interface GoogleIamConfig {
  provider: "gcp";
  /** Account to impersonate; empty: the application's own. */
  serviceAccount: string;
  /** A token is renewed so long before it expires, ms. */
  refreshBeforeMs: number;
}

export interface AwsIamConfig {
  provider: "aws";
  service: "elasticache" | "memorydb";
  /** The replication group, the serverless cache or the cluster of MemoryDB. */
  cacheName: string;
  serverless: boolean;
  /** Empty: AWS_REGION or AWS_DEFAULT_REGION. */
  region: string;
  refreshBeforeMs: number;
}

/** One SQLite file in this folder. */
export interface DiskLogConfig {
  engine: "disk";
  folder: string;
  /** Where the gateway's lists are; undefined: the log is embedded, and whoever runs it appends the records. */
  redis?: RedisLogConfig;
}

export interface ConsoleConfig {
  /** Empty: every address. */
  host: string;
  port: number;
  /** What a browser must show; empty: one is made. */
  token: string;
}

export interface StatsdConfig {
  host: string;
  port: number;
  prefix: string;
}

/** Tests that this instance runs if no other of its deployment does. */
export interface UptimeConfig {
  /** At most so many at once. */
  concurrency: number;
  /** So many results of one kind in a row change a service's state. */
  failures: number;
  successes: number;
  /** From a report to its ExpireAt, ms. */
  expireMs: number;
  /** Results go to the log: somebody reads them there. */
  report: boolean;
  checks: UptimeCheck[];
}

interface CheckBase {
  /** The key in `checks`. */
  name: string;
  /** As configured, without a password: for reports and logs. */
  url: string;
  intervalMs: number;
  timeoutMs: number;
  apiId: string;
  orgId: string;
  /** Any certificate will do. */
  insecure: boolean;
}

export interface HttpCheck extends CheckBase {
  kind: "http";
  /** Where to ask. */
  target: string;
  method: string;
  headers: { [name: string]: string };
  /** Base64. */
  body: string;
  /** Ranges of statuses that are well, both ends included. */
  expect: [from: number, to: number][];
}

export interface TcpCheck extends CheckBase {
  kind: "tcp";
  host: string;
  port: number;
  /** TLS, with the certificate checked. */
  secure: boolean;
  /** Says ahead of all commands, as a proxy does, on whose behalf it connects: nobody's. */
  proxyProtocol: boolean;
  commands: { name: "send" | "expect"; message: string }[];
}

export type UptimeCheck = HttpCheck | TcpCheck;

export interface DeliveryConfig {
  /** A sink that does not renew for so long loses its chunks to another instance, ms. */
  leaseMs: number;
  /** How often an idle list is looked at, ms. */
  pollMs: number;
  chunkRecords: number;
  chunkBytes: number;
  /** Dead letters kept for one sink and list before that sink is suspended. */
  letters: { records: number; bytes: number };
}

export interface SinkConfig {
  /** The key in `pumps`, lower case: the sink's name in the log. */
  name: string;
  type: string;
  /** Which lists it is fed from. */
  reads: Kind;
  /** `meta` with variables applied, checked against the plugin's schema. */
  config: unknown;
  /** Hash of what decides the sink's output; two instances that differ under one name are warned of. */
  fingerprint: string;
  prepare: Prepare;
  /** Per write, ms; 0: none set. */
  timeoutMs: number;
  actors: number;
  heapMb: number;
  plugin: ResolvedPlugin;
}

/** Where a sink type's code lies, and what its lock entry says. */
export interface ResolvedPlugin {
  name: string;
  version: string;
  /** File URL of the entry that the actor imports. */
  entry: string;
  api: number;
  features: string[];
  /** What it was granted. */
  permissions: Permissions;
  isolation: "worker" | "process";
  /** Folders that hold its code. */
  roots: string[];
  /** The folder in which it is being written, and from which it runs; null: it is installed. */
  link: string | null;
  /** SHA-256 of each file of its bundle, by path from the entry's folder; null: it is no bundle. */
  files: { [path: string]: string } | null;
  /** Keys of this type's configuration that are paths, which it may use. */
  pathKeys: PathKey[];
}

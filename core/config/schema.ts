import { type Static, type TSchema, Type } from "@sluice/sdk/schema";
import type { Json } from "./json.ts";

/**
 * The configuration: Tyk Pump's pump.conf and, under `sluice`, what is Sluice's own. Types, file decoding, variables,
 * checks and docs/configuration.md are derived from it. What has no default has Go's zero value.
 * Annotations: fields.ts.
 */

const text = (description: string, more = {}) => Type.String({ description, ...more });
const whole = (description: string, more = {}) => Type.Integer({ description, ...more });
const flag = (description: string, more = {}) => Type.Boolean({ description, ...more });
const list = <T extends TSchema>(item: T, description: string, more = {}) => Type.Array(item, { description, ...more });
/** A week, ms: a timer of Node that is set to more than 24.8 days goes off at once. */
const LONGEST = 604_800_000;
const duration = (description: string, ms: number, more = {}) =>
  Type.Unsafe<number>({ format: "duration", description, default: ms, minimum: 1, maximum: LONGEST, ...more });
/** Kept as JSON with its lines: which schema it has is known only later. */
const raw = (description: string) => Type.Unsafe<Json>({ raw: true, description });
const strings = Type.String();
const codes = Type.Integer();

/** One entry of `pumps`. */
export const Pump = Type.Object({
  name: text("Not used: the key is the name."),
  type: text("The sink type; the key if empty."),
  filters: Type.Object(
    {
      org_ids: list(strings, "Only records of these organisations.", { env: "ORGSIDS" }),
      api_ids: list(strings, "Only records of these APIs."),
      response_codes: list(codes, "Only records with these response codes."),
      skip_org_ids: list(strings, "No records of these organisations.", { env: "SKIPPEDORGSIDS" }),
      skip_api_ids: list(strings, "No records of these APIs.", { env: "SKIPPEDAPIIDS" }),
      skip_response_codes: list(codes, "No records with these response codes.", { env: "SKIPPEDRESPONSECODES" }),
    },
    { strict: true, description: "Which records the sink takes." },
  ),
  timeout: whole("Deadline of one write in seconds; 0: the host's own."),
  omit_detailed_recording: flag("Blank raw_request and raw_response."),
  max_record_size: whole("Bytes kept of raw_request and raw_response; 0: the global value."),
  ignore_fields: list(strings, "Fields of the record to blank, by JSON name.", { strict: true }),
  raw_request_decoded: flag("Decode raw_request from base64.", { env: "DECODERAWREQUEST" }),
  raw_response_decoded: flag("Decode raw_response from base64.", { env: "DECODERAWRESPONSE" }),
  meta: raw("The sink's own configuration."),
});

const Iam = Type.Object(
  {
    enabled: flag("Short-lived credentials in place of `username` and `password`."),
    provider: text("`gcp` (Memorystore) or `aws` (ElastiCache, MemoryDB)."),
    service_account: text("`gcp`: account to impersonate; empty: the application's own."),
    service: text("`aws`: `elasticache` or `memorydb`; empty: `elasticache`."),
    cache_name: text("`aws`: name of the replication group, serverless cache or MemoryDB cluster, as in its policy."),
    serverless: flag("`aws`: the cache is a serverless one."),
    region: text("`aws`: empty: that of AWS_REGION or AWS_DEFAULT_REGION."),
    token_refresh_before_expiry: text("Go duration; empty: `5m`."),
  },
  { description: "Short-lived credentials for Redis." },
);

export const Storage = Type.Object(
  {
    type: text("`redis` or empty."),
    host: text("Used with `port` where neither `addrs` nor `hosts` is set."),
    port: whole("0: `host` is not used.", { minimum: 0, maximum: 65535 }),
    hosts: Type.Record(Type.String(), Type.Union([Type.Integer(), Type.String()]), {
      description: "Host to port; in a variable `h1:p1,h2:p2`. `addrs` wins over it.",
    }),
    addrs: list(strings, "`host:port`: the server, or all Sentinels, or nodes of the cluster."),
    master_name: text("The addresses are those of Sentinels, and this is the name of the master that they watch."),
    sentinel_password: text("Sentinel's password.", { secret: true }),
    username: text("ACL user; without a password nobody signs in."),
    password: text("Password.", { secret: true }),
    database: whole("Database number; a cluster has only 0.", { minimum: 0 }),
    timeout: whole("Dial, read and write, seconds; 0: 5."),
    optimisation_max_idle: whole("Not used.", { env: "MAXIDLE" }),
    optimisation_max_active: whole("Not used: one connection does the work of a pool.", { env: "MAXACTIVE" }),
    enable_cluster: flag("The addresses are those of nodes of a Redis Cluster. Not used with `master_name`."),
    key_prefix: text("Ahead of the gateway's keys; wins over `redis_key_prefix`. Empty: `analytics-`."),
    redis_key_prefix: text("Older name of `key_prefix`."),
    use_ssl: flag("TLS, to Sentinels too."),
    redis_use_ssl: flag("Older name of `use_ssl`."),
    ssl_insecure_skip_verify: flag("Any certificate will do."),
    redis_ssl_insecure_skip_verify: flag("Older name of `ssl_insecure_skip_verify`."),
    ssl_ca_file: text("PEM bundle of authorities, in place of the system's."),
    ssl_cert_file: text("Client certificate, PEM; used with `ssl_key_file`."),
    ssl_key_file: text("Client key."),
    ssl_min_version: text("`1.0` to `1.3`; empty: `1.2`."),
    ssl_max_version: text("`1.0` to `1.3`; empty: `1.3`."),
    iam_auth: Iam,
  },
  { description: "The Redis that the gateway writes to." },
);

/** One entry of `sluice.sinks`. */
export const SinkExtras = Type.Object({
  actors: whole("Threads that share this sink's chunks.", { default: 1, minimum: 1, maximum: 64 }),
  isolate: flag("Run the plugin in a process of its own, whatever its manifest says."),
  heap_mb: whole("JavaScript heap of each thread, MiB.", { default: 256, minimum: 32, maximum: 16384, env: "HEAP_MB" }),
});

/** One entry of `sluice.uptime.checks`. The names are those of a gateway's `check_list`. */
export const UptimeCheck = Type.Object({
  url: text("`http://`, `https://`, `tcp://host:port` or `tls://host:port`."),
  protocol: text("`tcp` or `tls` where `url` does not say it."),
  api_id: text("API that the service belongs to."),
  org_id: text("Its organisation."),
  interval: duration("From one run to the next; 0: that of all checks.", 0, { minimum: 0 }),
  timeout: duration("Of one run; 0: that of all checks. A number from 1,000,000 on is nanoseconds.", 0, {
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
  }),
  method: text("HTTP method; empty: GET."),
  headers: Type.Record(Type.String(), Type.String(), { description: "HTTP headers.", secret: true }),
  ssl_insecure_skip_verify: flag("Any certificate will do."),
  enable_proxy_protocol: flag("TCP: a PROXY header ahead of the commands."),
  body: text("HTTP body, base64.", { secret: true, pattern: "^[A-Za-z0-9+/]*={0,2}$" }),
  expect: text("HTTP statuses that are well, as in `200-299,401`.", { default: "200" }),
  commands: list(
    Type.Object({
      name: Type.Union([Type.Literal("send"), Type.Literal("expect")], { description: "What to do." }),
      message: text("Bytes to send, or to expect."),
    }),
    "TCP and TLS: what to send and to expect, in order.",
    { secret: true },
  ),
});

const KiB = 1024;
const MiB = KiB * KiB;

export const Sluice = Type.Object(
  {
    log: Type.Object(
      {
        engine: Type.Union([Type.Literal("redis"), Type.Literal("disk")], {
          default: "redis",
          description: "Where chunks wait: in the gateway's Redis, or in a file of this process (docs/redis.md).",
        }),
        folder: text("Folder of the log on disk.", { default: "./data/log", minLength: 1, path: "write" }),
      },
      { description: "The delivery log." },
    ),
    backlog: Type.Object(
      {
        max_bytes: whole(
          "Most bytes of the backlog in Redis; 0: a quarter of its `maxmemory`, 1 GiB where it has none.",
          {
            env: "MAX_BYTES",
            minimum: 0,
          },
        ),
        policy: Type.Union([Type.Literal("spool"), Type.Literal("drop_oldest"), Type.Literal("hold")], {
          description:
            "What the sink that is furthest behind pays with at that limit: its oldest chunks go to `spool_dir`, or are dropped and counted; or all is kept. Default: `spool` with a `spool_dir`, else `hold`.",
        }),
        spool_dir: text("Folder of this instance's spool, on a volume that outlives the host.", {
          env: "SPOOL_DIR",
          path: "write",
        }),
        spool_max_bytes: whole("Most bytes of the spool; 0: what the disk has room for.", {
          env: "SPOOL_MAX_BYTES",
          minimum: 0,
        }),
        spool_full: Type.Union([Type.Literal("hold"), Type.Literal("drop_oldest")], {
          default: "hold",
          description: "What is done when the spool is full, or cannot be written.",
          env: "SPOOL_FULL",
        }),
      },
      { description: "Limit of the backlog in Redis: see [redis.md](redis.md#limits)." },
    ),
    delivery: Type.Object(
      {
        lease: duration("A sink that does not renew for so long loses its chunks to another instance.", 30_000, {
          minimum: 1000,
        }),
        poll: duration("How often an idle list is looked at; sooner where much came meanwhile.", 200, { minimum: 10 }),
        chunk_records: whole("Most records of a chunk.", {
          default: 1000,
          minimum: 1,
          maximum: 1000,
          env: "CHUNK_RECORDS",
        }),
        chunk_bytes: whole("Most bytes of a chunk in memory.", {
          default: 4 * MiB,
          minimum: 64 * KiB,
          maximum: 64 * MiB,
          env: "CHUNK_BYTES",
        }),
        letters: Type.Object(
          {
            records: whole("Most dead letters of a sink.", { default: 10_000, minimum: 1 }),
            bytes: whole("Most bytes of a sink's dead letters.", { default: 64 * MiB, minimum: 1 }),
          },
          { description: "At either bound the sink is suspended." },
        ),
      },
      { description: "Pace and limits of the drain." },
    ),
    health: Type.Object(
      { host: text("Address that the health endpoint listens on; empty: every address.") },
      { description: "The health endpoint; its name and port are Tyk Pump's." },
    ),
    uptime: Type.Object(
      {
        checks: Type.Record(Type.String(), UptimeCheck, { description: "By name." }),
        interval: duration("From one run of a check to the next.", 10_000, { minimum: 100 }),
        timeout: duration("Of one run; 0: the interval, at most 10 s.", 0, { minimum: 0 }),
        failures: whole("So many failures in a row, and a service is down.", { default: 3, minimum: 1 }),
        successes: whole("So many successes in a row, and it is up again; 0: as many as failures.", { minimum: 0 }),
        concurrency: whole("Checks at once.", { default: 16, minimum: 1, maximum: 1000 }),
        expire_after: duration("From a result to its ExpireAt; 0: 36,500 days.", 0, {
          minimum: 0,
          maximum: Number.MAX_SAFE_INTEGER,
          env: "EXPIRE_AFTER",
        }),
      },
      { description: "Tests of services: see [uptime.md](uptime.md)." },
    ),
    console: Type.Object(
      {
        port: whole("Port of the console; 0: it is served only by `sluice console`.", { minimum: 0, maximum: 65535 }),
        host: text("Address that it listens on; empty: every address.", { default: "127.0.0.1" }),
        token: text("What a browser must show, 16 characters or more; empty: one is made.", { secret: true }),
      },
      { description: "The page that shows the pump: see [console.md](console.md)." },
    ),
    daemon: Type.Object(
      {
        log_file: text("What `sluice daemon` logs to; empty: a file in its run folder.", {
          env: "LOG_FILE",
          path: "write",
        }),
        log_bytes: whole("A log file that would grow beyond is rotated.", {
          default: 10 * MiB,
          minimum: 4 * KiB,
          env: "LOG_BYTES",
        }),
        log_files: whole("Files of the log, with the one that is written.", {
          default: 5,
          minimum: 2,
          maximum: 1000,
          env: "LOG_FILES",
        }),
      },
      { description: "The log of `sluice daemon`; in the foreground it is standard error." },
    ),
    secrets: Type.Object(
      {
        refresh: duration(
          "How often secrets are read again; those of `file` stores also when they change. 0: never.",
          60_000,
          { minimum: 0, maximum: 86_400_000 },
        ),
      },
      { description: "Secrets that the configuration refers to: see [Secrets](#secrets)." },
    ),
    reload: Type.Object(
      { watch: flag("Reload when the configuration file has changed; else only when told to.") },
      { description: "Changes of a pump that runs: see [operating.md](operating.md#reload)." },
    ),
    otlp: Type.Object(
      {
        endpoint: text("Where an OpenTelemetry receiver listens, as `http://collector:4318`; empty: nothing is sent."),
        headers: Type.Record(Type.String(), Type.String(), { description: "HTTP headers.", secret: true }),
        interval: duration("How often metrics are sent.", 10_000, { minimum: 100 }),
        trace_every: whole("One of so many deliveries is sent as a span; 0: none.", { env: "TRACE_EVERY", minimum: 0 }),
      },
      { description: "Metrics and traces by OTLP over HTTP: see [metrics.md](metrics.md#opentelemetry)." },
    ),
    stop: duration("Time for an orderly stop; what is in hand then is handed back.", 25_000, { minimum: 100 }),
    sinks: Type.Record(Type.String(), SinkExtras, { description: "By sink, the key in `pumps`." }),
  },
  { strict: true, description: "Sluice's own settings." },
);

/** What pump.conf has in Tyk Pump. */
export const Tyk = Type.Object({
  purge_chunk: whole("Chunks have their own bounds.", {
    noEffect: "a claim takes chunks of `sluice.delivery.chunk_records`",
  }),
  storage_expiration_time: whole("Nothing expires before it is delivered.", {
    noEffect: "records are kept until every sink has them",
  }),
  uptime_pump_config: raw("Where uptime records go: see [uptime.md](uptime.md)."),
  pumps: Type.Record(Type.String(), raw("A sink."), { description: "The sinks by name." }),
  analytics_storage_config: Storage,
  analytics_storage_type: text("`redis` or empty."),
  statsd_connection_string: text("host:port of the statsd that TYK_INSTRUMENTATION=1 sends to."),
  statsd_prefix: text("Ahead of the names that are sent there."),
  log_level: text("`error`, `warn`, `info` or `debug`; empty: info."),
  log_format: text("`text`, `json` or `legacy`; anything else: text."),
  health_check_endpoint_name: text("Path of the health endpoint; empty: `health`."),
  health_check_endpoint_port: whole("Port of the health endpoint; 0: 8083."),
  purge_delay: whole("Accepted; records are taken as they come."),
  max_record_size: whole("Bytes kept of raw_request and raw_response where a sink sets none; 0: all."),
  dont_purge_uptime_data: flag("Leave the uptime records alone."),
  omit_detailed_recording: flag("Has an effect only on a sink.", { noEffect: "set it on each sink in `pumps`" }),
  omit_config_file: flag("Has an effect only as TYK_PMP_OMITCONFIGFILE=true."),
  enable_http_profiler: flag("Profiles on the health port.", {
    env: "HTTPPROFILE",
    noEffect: "profiles are taken with `sluice profile`, and not by whoever reaches the health port",
  }),
  raw_request_decoded: flag("Has an effect only on a sink.", {
    env: "DECODERAWREQUEST",
    noEffect: "set it on each sink in `pumps`",
  }),
  raw_response_decoded: flag("Has an effect only on a sink.", {
    env: "DECODERAWRESPONSE",
    noEffect: "set it on each sink in `pumps`",
  }),
  kv: Type.Object(
    { stores: Type.Record(Type.String(), raw("A secret store."), { description: "Secret stores by name." }) },
    { description: "Where `kv://store/path` and `$kv{store:path}` are read." },
  ),
});

/** The whole file. */
export const PumpConf = Type.Object({ ...Tyk.properties, sluice: Sluice });

export type PumpConf = Static<typeof PumpConf>;
export type Pump = Static<typeof Pump>;
export type Storage = Static<typeof Storage>;
export type SinkExtras = Static<typeof SinkExtras>;
export type UptimeCheck = Static<typeof UptimeCheck>;

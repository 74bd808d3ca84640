import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { RedisLogConfig } from "./config.ts";
import { demoConfig, loadConfig, readConfig } from "./load.ts";
import { formatProblem, PROBLEM_CODES, stopsTheStart } from "./problem.ts";
import type { Environment } from "./variables.ts";

const lockFile = fileURLToPath(new URL("./testdata/plugins.lock.json", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-load-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

/** Loads a file with this content (none: there is no file). */
function load(content: object | string | undefined, env: Environment = {}) {
  const cwd = join(folder, String(count++));
  mkdirSync(cwd);
  if (content !== undefined) {
    writeFileSync(join(cwd, "pump.conf"), typeof content === "string" ? content : JSON.stringify(content, null, 2));
  }
  return loadConfig({ env, cwd, lockFile });
}

const quiet = { dont_purge_uptime_data: true };
const csv = { ...quiet, pumps: { csv: { meta: { csv_dir: "out" } } } };
const table = (meta: object) => ({ ...quiet, pumps: { csv: {}, t: { type: "table", meta } } });

describe("what is never printed", () => {
  const hiddenOf = async (pumps: object, env: Environment = {}, more: object = {}) => {
    const cwd = join(folder, String(count++));
    mkdirSync(cwd);
    writeFileSync(join(cwd, "pump.conf"), JSON.stringify({ ...quiet, ...more, pumps }));
    return (await readConfig({ env, cwd })).hidden;
  };
  const rows = (type: string, connection_string: string) => ({ type: "sql", meta: { type, connection_string } });

  test("a connection string with its password; not the file that it is for SQLite, so that errors name it", async () => {
    const dsn = "host=db password=hunter2hunter2";
    expect(await hiddenOf({ a: rows("sqlite", "/data/a.db"), b: rows("sqlite", "/data/a.db") })).toEqual([]);
    expect(await hiddenOf({ a: rows("postgres", dsn) })).toEqual([dsn, "hunter2hunter2"]);
    expect(await hiddenOf({ a: rows("sqlite", "/data/a.db"), b: rows("postgres", "/data/a.db") })).toEqual([
      "/data/a.db",
    ]);
  });

  test("a file whose name came from a secret store", async () => {
    const env = { S_FILE: "/data/a.db" };
    const more = { kv: { stores: { s: { type: "env", config: { prefix: "S_" } } } } };
    expect(await hiddenOf({ a: rows("sqlite", "kv://s/FILE") }, env, more)).toEqual(["/data/a.db"]);
  });
});

describe("files", () => {
  test("a plain pump.conf has no problems", () => {
    const { config, problems, demo } = load(csv);
    expect({ problems, demo }).toEqual({ problems: [], demo: false });
    expect(config.sinks).toMatchObject([
      { name: "csv", type: "csv", config: { csv_dir: "out" }, actors: 1, timeoutMs: 0 },
    ]);
    expect(config.log).toEqual({
      engine: "redis",
      nodes: [{ host: "127.0.0.1", port: 6379 }],
      username: "",
      password: "",
      cluster: false,
      database: 0,
      timeoutMs: 5000,
      keyPrefix: "analytics-",
      backlog: { maxBytes: 0, policy: "hold", spool: null },
    });
    expect(config.health).toEqual({ host: "", port: 8083, endpoint: "health" });
  });

  test("a byte order mark is accepted", () => {
    expect(load(`\uFEFF${JSON.stringify(csv)}`).problems).toEqual([]);
  });

  test("a repeated object adds up, also where its schema is known only later", () => {
    const { config, problems } = load(`{
      "pumps": {"out": {"type": "stdout", "meta": {"format": "json", "log_field_name": "a"}, "Meta": {"log_field_name": "b"}}},
      "dont_purge_uptime_data": true, "kv": {"stores": {"s": {"type": "inline", "config": {}, "config": {"data": {}}}}}
    }`);
    expect(problems).toEqual([]);
    expect(config.sinks).toMatchObject([{ config: { format: "json", log_field_name: "b" } }]);
  });

  test("a number is shown as it is written", () => {
    const { problems } = load('{"dont_purge_uptime_data": true, "pumps": {"csv": {}}, "max_record_size": 1e3}');
    expect(problems).toMatchObject([{ message: "The value must be a whole number, but is 1e3." }]);
  });

  test("each problem has its line", () => {
    const { problems } = load('{\n  "pumps": {"csv": {}},\n  "purge_delya": 1,\n  "max_record_size": "4"\n}');
    expect(problems.map(({ place }) => place)).toEqual(
      expect.arrayContaining(["pump.conf:3:3 purge_delya", "pump.conf:4:22 max_record_size"]),
    );
    expect(problems[0]?.mend).toBe('Did you mean "purge_delay"?');
  });

  test("a syntax error names its line and nothing of the text", () => {
    const { problems } = load('{\n  "password": hunter2\n}');
    expect(problems[0]).toMatchObject({ severity: "error", code: "SLUICE_CONFIG_SYNTAX", place: "pump.conf:2:15" });
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  });

  test("a file that ends too early is wrong at its end", () => {
    expect(load('{\n  "pumps": ').problems[0]).toMatchObject({
      code: "SLUICE_CONFIG_SYNTAX",
      place: "pump.conf:2:12",
    });
    expect(load("[1]").problems[0]!.message).toContain("not an array");
  });

  test("a file that is not there is said to be none", () => {
    const { problems } = loadConfig({ file: "nowhere.conf", cwd: folder, env: {}, lockFile });
    expect(problems[0]).toMatchObject({ code: "SLUICE_CONFIG_UNREADABLE", place: "nowhere.conf" });
    expect(problems[0]!.message).toContain("There is no such file.");
  });

  test("a bad file is a warning where the variables have a sink", () => {
    const { problems, config } = load("{", { TYK_PMP_PUMPS_CSV_META_CSVDIR: "x", TYK_PMP_DONTPURGEUPTIMEDATA: "1" });
    expect(problems).toMatchObject([{ severity: "warning", code: "SLUICE_CONFIG_SYNTAX" }]);
    expect(config.sinks).toMatchObject([{ config: { csv_dir: "x" } }]);
  });

  test("keys that begin like a comment are no mistake", () => {
    expect(load({ ...csv, _comment: "x", "//": "y", $schema: "z" }).problems).toEqual([]);
  });

  test("a profiler for whoever reaches the health port is refused with the way to profiles", () => {
    const { problems } = load({ ...csv, enable_http_profiler: true });
    expect(problems.map(({ severity, code, place }) => `${severity} ${code} ${place}`)).toEqual([
      "warning SLUICE_CONFIG_NO_EFFECT pump.conf:10:27 enable_http_profiler",
    ]);
    expect(problems[0]!.message).toContain("`sluice profile`");
  });
});

describe("sinks", () => {
  test("an unknown type stops that sink alone", () => {
    const { config, problems } = load({ ...csv, pumps: { csv: {}, k: { type: "csvv" } } });
    expect(config.sinks.map(({ name }) => name)).toEqual(["csv"]);
    expect(problems).toMatchObject([{ severity: "error", code: "SLUICE_CONFIG_UNKNOWN_TYPE", sink: "k" }]);
    expect(problems[0]?.message).toContain("plugins.lock.json");
    expect(problems[0]?.mend).toContain('"csv"');
    expect(stopsTheStart(problems)).toBe(false);
  });

  test("no sink at all stops the start", () => {
    expect(stopsTheStart(load({ pumps: { k: { type: "graylog" } } }).problems)).toBe(true);
  });

  test("meta is checked against the plugin's schema, and secrets are not shown", () => {
    const { config, problems } = load(
      table({
        connection_string: 99887766,
        batch_size: 0,
        tokens: ["a", 55443322],
        tls: { key: 11223344 },
        level: "mid",
      }),
    );
    expect(config.sinks.map(({ name }) => name)).toEqual(["csv"]);
    expect(problems.map(({ place }) => place.replace(/^\S+ /, ""))).toEqual([
      "pumps.t.meta.connection_string",
      "pumps.t.meta.batch_size",
      "pumps.t.meta.tokens[1]",
      "pumps.t.meta.tls.key",
      "pumps.t.meta.level",
    ]);
    expect(problems.map(formatProblem).join()).not.toMatch(/99887766|55443322|11223344/);
  });

  test("meta has its defaults, nested ones too, and numbers are cut", () => {
    const { config } = load(table({ Connection_String: "x", batch_size: 5.7, tls: {} }));
    expect(config.sinks[1]?.config).toEqual({ connection_string: "x", batch_size: 5, tls: { verify: true } });
  });

  test("a required key must be there", () => {
    expect(load(table({})).problems).toMatchObject([{ code: "SLUICE_CONFIG_MISSING", sink: "t" }]);
  });

  test("variables reach nested keys, and a bad one drops no other", () => {
    const { config, problems } = load(table({ connection_string: "x" }), {
      TYK_PMP_PUMPS_T_META_TLS_KEY: "k",
      TYK_PMP_PUMPS_T_META_TLS_VERIFY: "0",
      TYK_PMP_PUMPS_T_TIMEOUT: "soon",
      TYK_PMP_PUMPS_T_MAXRECORDSIZE: "0x10",
      TYK_PMP_PUMPS_T_META_TOKENS: '["a,b", "c"]',
    });
    expect(config.sinks[1]).toMatchObject({
      config: { tls: { key: "k", verify: false }, tokens: ["a,b", "c"] },
      prepare: { trim: 16 },
    });
    expect(problems).toMatchObject([{ severity: "warning", place: "TYK_PMP_PUMPS_T_TIMEOUT", sink: "t" }]);
  });

  test("preparation", () => {
    const { config } = load({
      ...quiet,
      max_record_size: 9,
      pumps: {
        csv: {
          filters: { org_ids: ["a"], skip_response_codes: [404] },
          timeout: 3,
          omit_detailed_recording: true,
          ignore_fields: ["api_id"],
          raw_request_decoded: true,
        },
        t: { type: "table", max_record_size: 4, raw_request_decoded: true, meta: { connection_string: "x" } },
      },
    });
    expect(config.sinks[0]).toMatchObject({
      timeoutMs: 3000,
      prepare: { omit: true, trim: 9, ignore: ["api_id"], decodeRequest: true, decodeResponse: false },
    });
    expect(config.sinks[0]?.prepare.filters).toEqual({
      orgIds: ["a"],
      skipResponseCodes: [404],
      apiIds: [],
      skipApiIds: [],
      skipOrgIds: [],
      responseCodes: [],
    });
    expect(config.sinks[1]?.prepare).toMatchObject({ trim: 4, decodeRequest: false });
  });

  test("a filter that cannot be read keeps the sink from starting", () => {
    const { config, problems } = load({ ...csv, pumps: { csv: {}, t: { type: "csv", filters: { org_ids: "a" } } } });
    expect(config.sinks.map(({ name }) => name)).toEqual(["csv"]);
    expect(problems).toMatchObject([{ severity: "error", sink: "t" }]);
  });

  test("the fingerprint follows type, configuration and preparation, and nothing else", () => {
    const print = (content: object) => load({ ...quiet, pumps: { csv: content } }).config.sinks[0]?.fingerprint;
    const base = print({ type: "csv", meta: { csv_dir: "a", meta_env_prefix: "X" } });
    expect(print({ timeout: 4, meta: { meta_env_prefix: "X", CSV_DIR: "a" } })).toBe(base);
    expect(print({ meta: { csv_dir: "b", meta_env_prefix: "X" } })).not.toBe(base);
    expect(print({ max_record_size: 1, meta: { csv_dir: "a", meta_env_prefix: "X" } })).not.toBe(base);
  });

  test("no variable of a default prefix is called unknown, and the extra sink is named", () => {
    const content = { ...quiet, pumps: { prod: { type: "stdout" } } };
    const { config, problems } = load(content, { TYK_PMP_PUMPS_STDOUT_META_FORMAT: "json" });
    expect(config.sinks.map(({ name }) => name)).toEqual(["prod", "stdout"]);
    expect(problems).toMatchObject([{ code: "SLUICE_CONFIG_AMBIGUOUS", sink: "stdout" }]);
  });
});

describe("Sluice's own settings", () => {
  test("from file and variables", () => {
    const { config, problems } = load(
      { ...csv, sluice: { delivery: { lease: "1m30s", poll: 50 }, sinks: { CSV: { actors: 2 } }, stop: "10s" } },
      {
        SLUICE_DELIVERY_CHUNK_RECORDS: "500",
        SLUICE_SINKS_CSV_HEAP_MB: "64",
        SLUICE_STOP: "5s",
        SLUICE_SERVICE_HOST: "10.0.0.1",
      },
    );
    expect(problems).toEqual([]);
    expect(config.delivery).toMatchObject({ leaseMs: 90_000, pollMs: 50, chunkRecords: 500 });
    expect(config).toMatchObject({ stopMs: 5000, sinks: [{ actors: 2, heapMb: 64 }] });
  });

  test("no time is longer than a timer can be, which would fire at once", () => {
    for (const content of [{ stop: "1000h" }, { delivery: { poll: "1000h" } }, { otlp: { interval: "1000h" } }]) {
      const { problems } = load({ ...csv, sluice: content });
      expect(problems).toMatchObject([{ severity: "error", code: "SLUICE_CONFIG_BAD_VALUE" }]);
    }
    const { config, problems } = load({ ...csv, analytics_storage_config: { timeout: 3_000_000 } });
    expect({ problems, log: config.log }).toMatchObject({ problems: [], log: { timeoutMs: 2 ** 31 - 1 } });
  });

  test("a mistake in them stops the start", () => {
    expect(stopsTheStart(load({ ...csv, sluice: { stop: "soon" } }).problems)).toBe(true);
    expect(stopsTheStart(load(csv, { SLUICE_LOG_ENGINE: "tape" }).problems)).toBe(true);
  });

  test("nothing configured: the demonstration, which variables may tune", () => {
    const cwd = join(folder, "demo");
    mkdirSync(cwd);
    // With the sinks of this repository, which are those that it uses.
    const { config, problems, demo } = loadConfig({ env: { TYK_PMP_HEALTHCHECKENDPOINTPORT: "9999" }, cwd });
    expect({ problems, demo }).toEqual({ problems: [], demo: true });
    expect(config.log.engine).toBe("disk");
    expect(config.health.port).toBe(9999);
    expect(config.sinks.map(({ name }) => name)).toEqual(["csv", "errors", "rows", "totals"]);
    expect(demoConfig({ cwd }).config.sinks).toEqual(config.sinks);
    expect(load(undefined, { TYK_PMP_REDIS_HOST: "h" }).demo).toBe(false);
  });

  test("a single sink gets one actor", () => {
    const { config, problems } = load({
      ...table({ connection_string: "x" }),
      sluice: { sinks: { t: { actors: 3 }, tt: {} } },
    });
    expect(config.sinks[1]?.actors).toBe(1);
    expect(problems.map(({ code }) => code)).toEqual(["SLUICE_CONFIG_NO_EFFECT", "SLUICE_CONFIG_UNKNOWN_KEY"]);
  });
});

describe("variables", () => {
  test("an unknown one is named with the nearest known one", () => {
    const { problems } = load(csv, {
      TYK_PMP_HEALTH_CHECK_ENDPOINT_NAME: "x",
      tyk_pmp_purgedelay: "1",
      SLUICE_STPO: "1s",
    });
    expect(problems.map(({ place, mend }) => `${place} ${mend}`)).toEqual([
      "TYK_PMP_HEALTH_CHECK_ENDPOINT_NAME Did you mean TYK_PMP_HEALTHCHECKENDPOINTNAME?",
      "tyk_pmp_purgedelay Did you mean TYK_PMP_PURGEDELAY?",
      "SLUICE_STPO Did you mean SLUICE_STOP?",
    ]);
  });

  test("old variables of MongoDB win over new ones, and the new names are said", () => {
    const content = { ...quiet, pumps: { main: { type: "mongo", meta: { mongo_url: "file" } } } };
    const { config, problems } = load(content, {
      TYK_PMP_PUMPS_MAIN_META_MONGOURL: "new",
      TYK_PMP_PUMPS_MAIN_META_COLLECTIONNAME: "kept",
      PMP_MONGO_MONGOURL: "old",
      PMP_MONGOAGG_MONGOURL: "of another type",
    });
    expect(config.sinks[0]?.config).toEqual({ mongo_url: "old", collection_name: "kept", mongo_db_type: 0 });
    expect(problems).toMatchObject([
      { code: "SLUICE_CONFIG_DEPRECATED", mend: "Rename: PMP_MONGO_MONGOURL -> TYK_PMP_PUMPS_MAIN_META_MONGOURL." },
      { code: "SLUICE_CONFIG_UNKNOWN_VARIABLE", place: "PMP_MONGOAGG_MONGOURL" },
    ]);
  });

  test("a variable by its whole name counts where the one with the prefix is not set", () => {
    const content = { ...quiet, pumps: { a: { type: "mongo" }, b: { type: "kafka" } } };
    const values = (env: Environment) => load(content, env).config.sinks.map(({ config }) => config);
    expect(values({ MONGO_DB_TYPE: "2" })[0]).toMatchObject({ mongo_db_type: 2 });
    expect(values({ MONGO_DB_TYPE: "2", TYK_PMP_PUMPS_A_META_MONGO_DB_TYPE: "1" })[0]).toMatchObject({
      mongo_db_type: 1,
    });
    // As in Tyk Pump it is read for each kafka sink, and makes one more, with a warning.
    const timeouts = values({ TYK_PMP_PUMPS_KAFKA_META_TIMEOUT: "0.5" });
    expect(timeouts.slice(1)).toEqual([{ timeout: 0.5 }, { timeout: 0.5 }]);
  });

  test.each([
    ["sql_aggregate", "SQLAGGREGATE_META"],
    ["sql-graph-aggregate", "SQLGRAPHAGGREGATE_META"],
    ["sql-mcp-aggregate", "SQLMCPAGGREGATE_META"],
    ["sql-graph", "GRAPH_SQL_META"],
    ["sql-mcp", "MCP_SQL_META"],
  ])("the usual prefix of %s has no separators: %s", (type, prefix) => {
    const cwd = join(folder, type);
    mkdirSync(cwd);
    const content = { ...quiet, pumps: { prod: { type, meta: { type: "postgres", connection_string: "file" } } } };
    writeFileSync(join(cwd, "pump.conf"), JSON.stringify(content));
    // With the sinks of this repository.
    const { config, problems } = loadConfig({ env: { [`TYK_PMP_PUMPS_${prefix}_CONNECTIONSTRING`]: "variable" }, cwd });
    expect(problems).toEqual([]);
    expect(config.sinks).toMatchObject([{ name: "prod", config: { connection_string: "variable" } }]);
  });

  test("a prefix of meta's variables counts in capitals, as variables are named", () => {
    const content = { ...quiet, pumps: { prod: { type: "csv", meta: { meta_env_prefix: "My_csv" } } } };
    const { config, problems } = load(content, { MY_CSV_CSVDIR: "dir" });
    expect(problems).toEqual([]);
    expect(config.sinks).toMatchObject([{ config: { csv_dir: "dir" } }]);
  });

  test("a sink of variables whose type is empty is told of", () => {
    for (const more of [{}, { TYK_PMP_PUMPS_FOO_META_CSVDIR: "x" }]) {
      const { config, problems } = load(csv, { TYK_PMP_PUMPS_FOO_TYPE: "", ...more });
      expect(config.sinks).toHaveLength(1);
      expect(problems).toMatchObject([{ code: "SLUICE_CONFIG_UNKNOWN_TYPE", place: "TYK_PMP_PUMPS_FOO_TYPE" }]);
    }
  });

  test("objects in a variable are JSON, or an error", () => {
    const cwd = join(folder, "objects");
    mkdirSync(cwd);
    writeFileSync(join(cwd, "pump.conf"), JSON.stringify({ ...quiet, pumps: { prometheus: {} } }));
    // With the sinks of this repository.
    const metrics = (text: string) => {
      const env = {
        TYK_PMP_PUMPS_PROMETHEUS_META_ADDR: ":1",
        TYK_PMP_PUMPS_PROMETHEUS_META_CUSTOMMETRICS: text,
      };
      return (loadConfig({ env, cwd }).config.sinks[0]?.config as { custom_metrics?: unknown })?.custom_metrics;
    };
    expect(metrics('[{"name": "a"}]')).toEqual([{ name: "a" }]);
    expect(metrics('[{"name": "a"')).toBeUndefined();
    expect(metrics("a, b")).toBeUndefined();
  });

  test("a map in a variable: texts may have colons, and nothing is left out in silence", () => {
    const headers = (text: string) => {
      const { config, problems } = load(csv, { SLUICE_OTLP_ENDPOINT: "http://h", SLUICE_OTLP_HEADERS: text });
      return stopsTheStart(problems) ? null : config.otlp?.headers;
    };
    expect(headers("a:Bearer x:y, b:http://c")).toEqual({ a: "Bearer x:y", b: "http://c" });
    expect(headers("a:1,b=2")).toBeNull();
    expect(headers('{"a": "1"')).toBeNull();
  });

  test("an address of IPv6, bare or in brackets", () => {
    for (const storage of [{ host: "[::1]", port: 7 }, { host: "::1", port: 7 }, { hosts: { "[::1]": "7" } }]) {
      const { config, problems } = load({ ...csv, analytics_storage_config: storage });
      expect(problems).toEqual([]);
      expect(config.log).toMatchObject({ nodes: [{ host: "::1", port: 7 }] });
    }
  });

  test("a user without a password is said to have no effect, as in Tyk Pump", () => {
    const { problems } = load({ ...csv, analytics_storage_config: { port: 7, username: "u" } });
    expect(problems).toMatchObject([{ severity: "warning", code: "SLUICE_CONFIG_NO_EFFECT" }]);
  });

  test("a password in an address is none the less secret", () => {
    for (const address of ["u:hunter22@h:1", ":hunter22@h:1", "hunter22@h:1"]) {
      const loaded = load({ ...csv, analytics_storage_config: { addrs: [address] } });
      expect(stopsTheStart(loaded.problems)).toBe(true);
      expect(JSON.stringify(loaded.problems)).not.toContain("hunter22");
      expect(loaded.hidden).toContain(address);
    }
  });

  test("nor is a password shown that stands where none is meant", () => {
    const address = "u:hunter22@h:1";
    const { problems, hidden } = load(
      { ...csv, analytics_storage_config: { port: address }, sluice: { otlp: { endpoint: address } } },
      { TYK_PMP_REDIS_PORT: address },
    );
    expect(problems).toHaveLength(3);
    expect(hidden).toEqual(["hunter22"]);
    const reference = "postgres://u:$kv{vault:secret/db}@h";
    expect(load(table({ connection_string: reference })).problems[0]?.message).toContain("$kv{vault:secret/db}");
    expect(JSON.stringify(problems)).not.toContain("hunter22");
  });

  test.each(["://a:", "a:", "password=", "password ", " "])(
    "a long text of %j is looked through in no time",
    (part) => {
      const started = performance.now();
      load({ ...csv, analytics_storage_config: { host: part.repeat(1e5) } });
      expect(performance.now() - started).toBeLessThan(3000);
    },
  );

  test("settings of Redis that cannot be read do not lead to another Redis", () => {
    for (const storage of [[], "redis:6379", { addrs: [6379] }, { hosts: { redis: true } }]) {
      expect(stopsTheStart(load({ ...csv, analytics_storage_config: storage }).problems)).toBe(true);
    }
    const named = { analytics_storage_config: { addrs: [6379], host: "h", port: 1 } };
    expect(stopsTheStart(load({ ...csv, ...named }).problems)).toBe(false);
  });

  test("a later prefix of Redis wins", () => {
    const { config, problems } = load(csv, {
      TYK_PMP_ANALYTICSSTORAGECONFIG_PORT: "1",
      TYK_PMP_REDIS_PORT: "2",
      TYK_PMP_TEMPORAL_STORAGE_PORT: "3",
      TYK_PMP_REDIS_PASSWORD: "p",
    });
    expect(problems).toEqual([]);
    expect(config.log).toMatchObject({ nodes: [{ port: 3 }], password: "p" });
  });

  test("Sentinels, a cluster, TLS and tokens, as Tyk Pump names them", () => {
    const log = (storage: object) => {
      const { config, problems } = load({ ...csv, analytics_storage_config: storage });
      return {
        ...(config.log as RedisLogConfig),
        problems: problems.map(({ severity, message }) => `${severity} ${message}`),
      };
    };
    const addrs = ["a:1", "[::1]:2"];
    const nodes = [
      { host: "a", port: 1 },
      { host: "::1", port: 2 },
    ];
    expect(log({ addrs, master_name: "m", sentinel_password: "p", enable_cluster: true })).toMatchObject({
      nodes,
      sentinel: { master: "m", password: "p" },
      cluster: false,
      problems: [],
    });
    expect(log({ master_name: "m" })).toMatchObject({ nodes: [{ host: "127.0.0.1", port: 26379 }], problems: [] });
    const cluster = log({ addrs, enable_cluster: true, database: 3 });
    expect(cluster).toMatchObject({
      nodes,
      cluster: true,
      database: 0,
      problems: [expect.stringMatching(/has no effect/)],
    });
    expect(log({ hosts: { a: 1, b: 2 }, enable_cluster: true }).nodes).toHaveLength(2);
    expect(log({ addrs })).toMatchObject({
      nodes: nodes.slice(0, 1),
      problems: [expect.stringMatching(/names 2 nodes; only a:1 is used/)],
    });

    expect(log({ ssl_min_version: "9", ssl_ca_file: "ca" })).toMatchObject({ tls: undefined, problems: [] });
    const files = { ssl_ca_file: "ca", ssl_cert_file: "cert", ssl_key_file: "key" };
    expect(log({ redis_use_ssl: true, redis_ssl_insecure_skip_verify: true, ...files }).tls).toEqual({
      ...{ caFile: "ca", certFile: "cert", keyFile: "key", insecure: true },
      ...{ minVersion: "TLSv1.2", maxVersion: "TLSv1.3" },
    });
    expect(log({ use_ssl: true, ssl_cert_file: "cert" })).toMatchObject({
      tls: { certFile: "" },
      problems: [expect.stringMatching(/together/)],
    });
    expect(log({ use_ssl: true, ssl_min_version: "1.0", ssl_max_version: "1.1" }).tls).toMatchObject({
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
    });
    expect(log({ use_ssl: true, ssl_min_version: "1.3", ssl_max_version: "1.2" }).problems).toEqual([
      expect.stringMatching(/^error.*above/),
    ]);
    expect(log({ use_ssl: true, ssl_max_version: "2" }).problems).toEqual([
      expect.stringMatching(/^error.*one of 1.0, 1.1, 1.2, 1.3/),
    ]);

    const iam_auth = { enabled: true, provider: " GCP ", service_account: "me" };
    const iam = { provider: "gcp", serviceAccount: "me", refreshBeforeMs: 300_000 };
    expect(log({ use_ssl: true, iam_auth })).toMatchObject({ iam, problems: [] });
    const half = { ...iam_auth, token_refresh_before_expiry: "1m30s" };
    expect(log({ iam_auth: half })).toMatchObject({
      iam: { refreshBeforeMs: 90_000 },
      problems: [expect.stringMatching(/^warning.*in the clear/)],
    });
    expect(log({ use_ssl: true, iam_auth: { enabled: true, provider: "azure" } }).problems).toEqual([
      expect.stringMatching(/^error.*must be "gcp" or "aws"/),
    ]);
    for (const text of ["5", "-1m", "soon"]) {
      const bad = { ...iam_auth, token_refresh_before_expiry: text };
      expect(log({ use_ssl: true, iam_auth: bad }).problems).toEqual([expect.stringMatching(/^error.*no duration/)]);
    }

    const aws = { enabled: true, provider: "aws", cache_name: "My-Cache" };
    expect(log({ use_ssl: true, username: "pump", iam_auth: { ...aws, region: "eu-west-1" } })).toMatchObject({
      username: "pump",
      iam: { provider: "aws", service: "elasticache", cacheName: "my-cache", serverless: false, region: "eu-west-1" },
      problems: [],
    });
    const memorydb = { ...aws, service: "MemoryDB", service_account: "me" };
    expect(log({ use_ssl: true, username: "pump", iam_auth: memorydb })).toMatchObject({
      iam: { service: "memorydb" },
      problems: [expect.stringMatching(/^warning.*service_account has no effect/)],
    });
    const wrong = { enabled: true, provider: "aws", service: "redis", cache_name: "my.cache.amazonaws.com" };
    expect(log({ use_ssl: true, iam_auth: wrong }).problems).toEqual([
      expect.stringMatching(/^error.*service must be/),
      expect.stringMatching(/^error.*cache_name must be a name/),
      expect.stringMatching(/^error.*username is not set/),
    ]);
  });

  test("a wrong address in the file is forgiven where a variable mends it, and an error where none does", () => {
    const content = { ...csv, analytics_storage_config: { port: "x" } };
    expect(stopsTheStart(load(content).problems)).toBe(true);
    expect(stopsTheStart(load(content, { TYK_PMP_REDIS_PORT: "1" }).problems)).toBe(false);
  });
});

describe("whatever is written", () => {
  const keys = fc.constantFrom(
    "pumps",
    "csv",
    "CSV",
    "t",
    "type",
    "meta",
    "csv_dir",
    "filters",
    "org_ids",
    "response_codes",
    "analytics_storage_config",
    "hosts",
    "addrs",
    "port",
    "password",
    "sluice",
    "delivery",
    "lease",
    "sinks",
    "log",
    "max_record_size",
    "log_level",
    "kv",
    "stores",
    "table",
    "tokens",
    "tls",
    "__proto__",
    "constructor",
    "",
  );
  const leaf = fc.constantFrom("csv", "table", "5", "30s", "kv://a/b", "a:1", 0, -1, 1.5, 1e300, true, false, null);
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.dictionary(keys, tie("tree"), { maxKeys: 5 }),
      fc.array(tie("tree"), { maxLength: 3 }),
    ),
  }));
  const names = fc
    .tuple(
      fc.constantFrom(
        "TYK_PMP_",
        "SLUICE_",
        "TYK_PMP_REDIS_",
        "TYK_PMP_PUMPS_",
        "TYK_PMP_PUMPS_CSV_",
        "TYK_PMP_PUMPS_T_META_",
      ),
      fc.constantFrom(
        "PORT",
        "HOSTS",
        "ADDRS",
        "TYPE",
        "STOP",
        "TOKENS",
        "TLS_KEY",
        "FILTERS_ORGSIDS",
        "PUMPS",
        "A_B",
        "_",
        "",
        "LOGLEVEL",
      ),
    )
    .map((parts) => parts.join(""));
  const environment = fc.dictionary(
    names,
    fc.oneof(fc.string(), fc.constantFrom("csv", "1", "[1]", "{}", "[", "a:b", "table")),
    {
      maxKeys: 5,
    },
  );

  function check({ config, problems }: ReturnType<typeof load>) {
    expect(config.sinks.length > 0 || stopsTheStart(problems)).toBe(true);
    for (const problem of problems) {
      expect(PROBLEM_CODES).toContain(problem.code);
      expect(problem.place).not.toBe("");
      expect(problem.message.includes("undefined") || problem.message.includes("[object")).toBe(false);
    }
    expect(() => structuredClone(config)).not.toThrow();
  }

  test("random configurations give a Config and problems, never a throw", () => {
    fc.assert(
      fc.property(fc.dictionary(keys, tree, { maxKeys: 6 }), environment, (content, env) => check(load(content, env))),
      {
        numRuns: 300,
      },
    );
  });

  test("so does a damaged file", () => {
    const good = JSON.stringify({ ...table({ connection_string: "x", tls: { key: "k" } }), sluice: { stop: "5s" } });
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(8), fc.string({ maxLength: 4 }), (at, cut, put) =>
        check(load(good.slice(0, at) + put + good.slice(at + cut))),
      ),
      { numRuns: 300 },
    );
  });

  test("a value comes through a variable as through the file", () => {
    const values = fc.record({
      orgs: fc.array(fc.stringMatching(/^[a-z0-9-]{1,12}$/), { maxLength: 4 }),
      codes: fc.array(fc.integer({ min: 100, max: 599 }), { maxLength: 4 }),
      size: fc.integer({ min: 1, max: 1e9 }),
      omit: fc.boolean(),
      dir: fc.string(),
    });
    fc.assert(
      fc.property(values, fc.boolean(), ({ orgs, codes, size, omit, dir }, json) => {
        const text = (list: unknown[]) => (json ? JSON.stringify(list) : list.join(", "));
        const byFile = load({
          ...quiet,
          pumps: {
            csv: {
              filters: { org_ids: orgs, skip_response_codes: codes },
              max_record_size: size,
              omit_detailed_recording: omit,
              meta: { csv_dir: dir, meta_env_prefix: "" },
            },
          },
        });
        const byVariables = load(undefined, {
          TYK_PMP_DONTPURGEUPTIMEDATA: "true",
          TYK_PMP_PUMPS_CSV_FILTERS_ORGSIDS: text(orgs),
          TYK_PMP_PUMPS_CSV_FILTERS_SKIPPEDRESPONSECODES: text(codes),
          TYK_PMP_PUMPS_CSV_MAXRECORDSIZE: `0x${size.toString(16)}`,
          TYK_PMP_PUMPS_CSV_OMITDETAILEDRECORDING: omit ? "T" : "f",
          TYK_PMP_PUMPS_CSV_META_CSVDIR: dir,
          TYK_PMP_PUMPS_CSV_META_ENVPREFIX: "",
        });
        expect(byVariables.problems).toEqual([]);
        expect(byVariables.config.sinks).toEqual(byFile.config.sinks);
      }),
      { numRuns: 200 },
    );
  });
});

test("the limit of the backlog: what is not chosen is never dropped", () => {
  const policyOf = (backlog: object) => {
    const { config, problems } = load({ ...csv, sluice: { backlog } });
    return { log: config.log.engine === "redis" ? config.log.backlog : null, codes: problems.map(({ code }) => code) };
  };
  expect(policyOf({}).log).toEqual({ maxBytes: 0, policy: "hold", spool: null });
  expect(policyOf({ spool_dir: "/spool", max_bytes: 5 }).log).toEqual({
    maxBytes: 5,
    policy: "spool",
    spool: { folder: "/spool", maxBytes: 0, full: "hold" },
  });
  expect(policyOf({ policy: "drop_oldest" }).log).toMatchObject({ policy: "drop_oldest", spool: null });
  expect(policyOf({ policy: "spool" }).codes).toContain("SLUICE_CONFIG_MISSING");
  expect(policyOf({ policy: "drop_newest" }).codes).toContain("SLUICE_CONFIG_WRONG_TYPE");
});

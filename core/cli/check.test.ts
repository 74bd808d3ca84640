import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRedis, type TestRedis } from "../../test/support/redis.ts";
import type { SinkConfig } from "../config/config.ts";
import { openRedisLog } from "../log/redis.ts";
import type { Report } from "./check-report.ts";
import { checkSink } from "./check-sinks.ts";

const BIN = fileURLToPath(new URL("./sluice.js", import.meta.url));
const SECRET = "hunter2hunter2";
let redis: TestRedis;
let folder: string;

beforeAll(async () => {
  redis = await startRedis();
  folder = mkdtempSync(join(tmpdir(), "sluice-check-"));
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true });
});

async function sluice(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const clean = Object.entries(process.env).filter(([name]) => !/^(TYK|SLUICE|NODE_OPTIONS|FORCE_COLOR)/.test(name));
  const child = spawn(process.execPath, [BIN, ...args], { cwd: folder, env: { ...Object.fromEntries(clean), ...env } });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  return new Promise((resolve) =>
    child.on("close", (code) => resolve({ code, out: stripVTControlCharacters(out), err })),
  );
}

let count = 0;

function write(content: object): string {
  const name = `${count++}.conf`;
  writeFileSync(join(folder, name), JSON.stringify(content, null, 2));
  return name;
}

const quiet = { dont_purge_uptime_data: true, health_check_endpoint_port: 1 };
const storage = (more: object = {}) => ({
  analytics_storage_config: { host: "127.0.0.1", port: redis.port, timeout: 1, ...more },
});
const csv = () => ({ pumps: { csv: { type: "csv", meta: { csv_dir: join(folder, "out") } } } });

async function check(content: object, ...args: string[]): Promise<Report & { code: number | null }> {
  const { code, out, err } = await sluice(["check", "--json", "-c", write(content), ...args]);
  expect(err).toBe("");
  return { ...JSON.parse(out), code };
}

const faults = (report: Report) => report.findings.filter(({ severity }) => severity === "error");

describe("sluice check", () => {
  test("all is well: it says what it saw, and has written nothing", async () => {
    const { port } = await free();
    await redis.client.rpush("analytics-tyk-system-analytics", "x");
    const before = await redis.client.keys("*");
    const file = write({ ...quiet, ...storage(), ...csv(), health_check_endpoint_port: port });
    const { code, out } = await sluice(["check", "-c", file]);
    expect(out).toMatch(/ok +Redis at 127.0.0.1:\d+ +version [\d.]+, connected in \d+ ms, 1 records wait/);
    expect(out).toContain(`${join(folder, "out")} will be made`);
    expect(out).toMatch(/0 errors, 0 warnings\. The pump would start; sinks: csv\.\n$/);
    expect(code).toBe(0);
    expect(await redis.client.keys("*")).toEqual(before);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  test("every mistake at once, each with its place and its mend", async () => {
    const file = join(folder, "bad.conf");
    const lines = [
      "{",
      '  "purge_delya": 10,',
      `  "analytics_storage_config": {"host": "127.0.0.1", "port": ${redis.port}},`,
      '  "dont_purge_uptime_data": true,',
      '  "pumps": {',
      '    "csv": {"meta": {"csv_dri": "x"}},',
      '    "a": {"type": "cvs"},',
      '    "b": {"type": "stdout", "meta": {"format": 5}}',
      "  },",
      '  "sluice": {"stop": "soon"}',
      "}",
    ];
    writeFileSync(file, lines.join("\n"));
    const { code, out } = await sluice(["check", "--offline", "-c", "bad.conf"]);
    expect(code).toBe(1);
    for (const part of [
      'bad.conf:2:3 purge_delya\n         The key "purge_delya" is not known and is ignored.\n         Did you mean "purge_delay"?',
      'bad.conf:6:22 pumps.csv.meta.csv_dri  (sink "csv")',
      'bad.conf:7:19 pumps.a.type  (sink "a")',
      'Did you mean "csv"?  SLUICE_CONFIG_UNKNOWN_TYPE',
      'bad.conf:8:48 pumps.b.meta.format  (sink "b")',
      "bad.conf:10:22 sluice.stop",
      "The pump would not start.",
    ])
      expect(out).toContain(part);
  });

  test("a user without rights: what to grant is said, and is enough for the log too", async () => {
    await redis.client.call(
      "ACL",
      "SETUSER",
      "pump",
      "on",
      `>${SECRET}`,
      "+@connection",
      "+info",
      "+multi",
      "+discard",
      "+time",
    );
    const user = { username: "pump", password: SECRET };
    const report = await check({ ...quiet, ...storage(user), ...csv() });
    expect(report).toMatchObject({ code: 1, starts: true, ok: false });
    // Not even the first command was allowed: the connection is refused as a whole.
    expect(faults(report)[0]).toMatchObject({
      code: "SLUICE_LOG_REFUSED",
      place: expect.stringMatching(/^\d+.conf:\d+:\d+ analytics_storage_config$/),
    });
    await redis.client.call("ACL", "SETUSER", "pump", "+exists", "~*");
    const narrow = await check({ ...quiet, ...storage(user), ...csv() });
    const grants = narrow.findings.flatMap(({ mend }) => /ACL SETUSER pump (.*)$/.exec(mend)?.[1] ?? []);
    expect(grants.length).toBeGreaterThan(0);
    await redis.client.call("ACL", "SETUSER", "pump", "resetkeys", ...grants.join(" ").split(" "));
    expect(await check({ ...quiet, ...storage(user), ...csv() })).toMatchObject({ code: 0, ok: true });
    const engine = { engine: "redis" as const, database: 0, timeoutMs: 1000, keyPrefix: "analytics-", ...user };
    const nodes = [{ host: "127.0.0.1", port: redis.port }];
    const log = openRedisLog({ ...engine, nodes, leaseMs: 1000, chunkRecords: 10, chunkBytes: 65536 });
    await log.open([{ name: "csv", fingerprint: "" }]);
    await log.close();
  });

  test("a log on disk needs less", async () => {
    await redis.client.call(
      "ACL",
      "SETUSER",
      "disk",
      "on",
      `>${SECRET}`,
      "~*",
      "-@all",
      "+exists",
      "+time",
      "+multi",
      "+discard",
    );
    const user = { username: "disk", password: SECRET };
    const content = {
      ...quiet,
      ...storage(user),
      ...csv(),
      sluice: { log: { engine: "disk", folder: join(folder, "log") } },
    };
    const [fault] = faults(await check(content));
    expect(fault?.message).toContain("Redis refuses LLEN, LRANGE, PERSIST, RENAMENX, UNLINK:");
    await redis.client.call("ACL", "SETUSER", "disk", ..."+llen +lrange +persist +renamenx +unlink".split(" "));
    expect(faults(await check(content))).toEqual([]);
    expect(existsSync(join(folder, "log"))).toBe(false);
  });

  test("a wrong password, a server that is away, and one that never answers", async () => {
    const silent = await free(true);
    const wrong = { username: "nobody", password: SECRET };
    const [password, away, mute] = await Promise.all([
      check({ ...quiet, ...storage(wrong), ...csv() }),
      check({ ...quiet, ...storage({ port: 1 }), ...csv() }),
      check({ ...quiet, ...storage({ port: silent.port }), ...csv() }),
    ]);
    silent.close();
    expect(faults(password)).toMatchObject([{ code: "SLUICE_LOG_AUTH" }]);
    expect(JSON.stringify(password)).not.toContain(SECRET);
    expect(faults(away)).toMatchObject([
      { code: "SLUICE_LOG_UNAVAILABLE", message: expect.stringContaining("out of reach") },
    ]);
    expect(faults(mute)).toMatchObject([{ code: "SLUICE_LOG_UNAVAILABLE" }]);
    for (const { code, tried } of [password, away, mute]) {
      expect(code).toBe(1);
      expect(tried.map(({ outcome }) => outcome)).toContain("failed");
    }
  });

  test("without any configuration it is the demonstration; a file that is not there is an error", async () => {
    expect(await sluice(["check", "--offline"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("demonstration"),
    });
    const { code, out } = await sluice(["check", "-c", "none.conf"]);
    expect({ code, redis: out.includes("Redis") }).toEqual({ code: 1, redis: false });
    expect(out).toContain("none.conf: 2 errors");
  });
});

describe("a sink in a dry run", () => {
  const sink = (type: string): SinkConfig => ({
    name: type,
    type,
    reads: "analytics",
    config: {},
    fingerprint: "",
    prepare: {
      filters: { skipApiIds: [], skipOrgIds: [], skipResponseCodes: [], apiIds: [], orgIds: [], responseCodes: [] },
      omit: false,
      trim: 0,
      ignore: [],
      decodeRequest: false,
      decodeResponse: false,
    },
    timeoutMs: 0,
    actors: 1,
    heapMb: 64,
    plugin: {
      name: "tried",
      version: "1.0.0",
      entry: new URL("./testing/tried.ts", import.meta.url).href,
      api: 1,
      features: [],
      permissions: {},
      isolation: "worker",
      roots: [fileURLToPath(new URL("./testing", import.meta.url))],
      link: null,
      files: null,
      pathKeys: [],
    },
  });

  test.each([
    ["fine", "ok", "version 3, its table is there", undefined],
    ["refuses", "failed", expect.stringContaining("password is wrong"), "SLUICE_SINK_FATAL"],
    ["away", "failed", "It does not answer", "SLUICE_SINK_RETRYABLE"],
    ["exits", "failed", expect.stringContaining("exited with code 7"), "SLUICE_PLUGIN_ENTRY"],
    ["silent", "not tried", expect.any(String), undefined],
    ["missing", "failed", expect.stringContaining('no sink of type "missing"'), expect.any(String)],
  ])("%s", async (type, outcome, seen, code) => {
    const trial = await checkSink(sink(type), "here");
    expect(trial).toMatchObject({ outcome, seen });
    expect(trial.findings).toMatchObject(
      code === undefined ? [] : [{ severity: "error", sink: type, place: "here", code }],
    );
  });
});

describe("sluice config", () => {
  test("print: each value with its place, secrets masked", async () => {
    const kv = { stores: { e: { type: "env", config: { prefix: "APP_" } } } };
    const file = write({
      ...quiet,
      ...storage({ username: "u", password: SECRET, key_prefix: "kv://e/P" }),
      ...csv(),
      kv,
      sluice: { sinks: { CSV: { heap_mb: 99, actors: 4 } } },
    });
    const env = {
      SLUICE_SINKS_CSV_ACTORS: "2",
      TYK_PMP_PURGEDELAY: "7",
      TYK_PMP_PUMPS_CSV_TIMEOUT: "3",
      APP_P: SECRET,
      TYK_LOGLEVEL: "debug",
    };
    const { code, out, err } = await sluice(["config", "print", "-c", file], env);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const row = (path: string) =>
      out
        .split("\n")
        .find((line) => line.startsWith(`${path} `))
        ?.split(/ {2,}/);
    expect(row("purge_delay")).toEqual(["purge_delay", "7", "TYK_PMP_PURGEDELAY"]);
    expect(row("pumps.csv.timeout")?.[2]).toBe("TYK_PMP_PUMPS_CSV_TIMEOUT");
    expect(row("sluice.sinks.CSV.actors")).toEqual(["sluice.sinks.CSV.actors", "2", "SLUICE_SINKS_CSV_ACTORS"]);
    expect(row("sluice.sinks.CSV.heap_mb")?.[1]).toBe("99");
    expect(row("log_level")).toEqual(["log_level", '"debug"', "TYK_LOGLEVEL"]);
    expect(row("analytics_storage_config.timeout")?.[1]).toBe("1");
    expect(row("kv.stores.e.config.prefix")?.[1]).toBe('"APP_"');
    expect(row("sluice.stop")).toEqual(["sluice.stop", "25000", "default"]);
    expect(row("analytics_storage_config.password")?.[1]).toBe('"***"');
    expect(row("analytics_storage_config.key_prefix")?.[2]).toMatch(/^kv:\/\/e\/P \(\d+.conf:\d+:\d+\)$/);
    expect(out).not.toContain(SECRET);
    const json = JSON.parse((await sluice(["config", "print", "--json", "--set", "-c", file], env)).out);
    expect(json.settings).toContainEqual({
      path: "purge_delay",
      value: 7,
      secret: false,
      from: "variable",
      place: "TYK_PMP_PURGEDELAY",
    });
    expect(json.settings.every(({ from }: { from: string }) => from !== "default")).toBe(true);
    expect(JSON.stringify(json)).not.toContain(SECRET);
  });

  test("schema: of the file, with the settings of each sink that is installed", async () => {
    const schema = JSON.parse((await sluice(["config", "schema"])).out);
    const pump = schema.properties.pumps.additionalProperties;
    expect(pump.properties.type.examples).toContain("csv");
    const own = pump.allOf.find(
      (one: { if: { properties: { type: { const: string } } } }) => one.if.properties.type.const === "csv",
    );
    expect(own.then.properties.meta.properties.csv_dir).toMatchObject({ type: "string" });
    expect(schema.properties.sluice.properties.stop.anyOf).toHaveLength(2);
    expect(JSON.stringify(schema)).not.toMatch(/"(secret|env|raw|strict|notBuilt|noEffect)":/);
  });
});

/** A port that nothing listens on, or, `mute`, one that accepts and says nothing. */
async function free(mute = false): Promise<{ port: number; close(): void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  if (!mute) await new Promise((resolve) => server.close(resolve));
  return { port, close: () => void server.close() };
}

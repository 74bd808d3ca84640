import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { readConfig } from "./load.ts";
import { stopsTheStart } from "./problem.ts";

/** What Tyk Pump v1.16.0 did with a configuration. */
interface Case {
  name: string;
  files: { [name: string]: string | null | { base64: string } } | null;
  env: { [name: string]: string };
  args: string[];
  setup?: { preload?: { key: string; db: number } };
  observed: {
    running?: boolean;
    pumps?: string[];
    health?: { path: string; status?: number }[] | null;
    records?: { [where: string]: { rows?: number } };
  };
}

interface Difference {
  why: string;
  /** The sinks that start; null: nothing starts. */
  sinks: string[] | null;
}

const CSV = ["csv"];

/** Deliberately different. */
const DIFFERENT: { [name: string]: Difference } = {
  "null-pump-entry": { why: "panics there; a pump without values has its defaults here", sinks: CSV },
  "type-pump-entry-is-string": { why: "panics there; the other sinks start here", sinks: ["stdout"] },
  "pump-meta-wrong-json-type": { why: "panics there; the other sinks start here", sinks: ["stdout"] },
  "pump-meta-null": { why: "panics there; a missing meta is {}", sinks: CSV },
  "pump-keys-collide-by-case": { why: "which one survives is random there; the last one here", sinks: CSV },
  "field-max-record-size-negative": { why: "panics at the first record there; nothing is cut here", sinks: CSV },
  "max-record-size-global-negative": { why: "panics at the first record there; nothing is cut here", sinks: CSV },
  "env-bare-pumps-variable-json": { why: "a wrong value drops later variables there", sinks: CSV },
  "env-pump-list-with-spaces": { why: "lists are trimmed here", sinks: CSV },
  "env-pump-int-list-with-space": { why: "lists are trimmed here", sinks: CSV },
  "env-pump-list-json-text": { why: "lists may be JSON here", sinks: CSV },
  "env-pump-meta-as-map": { why: "wipes meta there; ignored with a warning here", sinks: CSV },
  "env-bare-mongo-db-type-bad": { why: "drops later variables there", sinks: CSV },
  "storage-use-ssl-to-plain-port": { why: "ends there; tries for ever here", sinks: CSV },
  "storage-cluster-on-single": { why: "ends there; tries for ever here", sinks: CSV },
  "storage-sentinel-no-address": { why: "ends there; tries for ever here", sinks: CSV },
  "kv-reference-in-string": { why: "newer versions resolve it, and this has no store", sinks: null },
  "kv-marker-mid-string-harmless": { why: "newer versions refuse it: a reference is not closed", sinks: null },
  "kv-stores-block": { why: "newer versions resolve it", sinks: CSV },
  "health-name-with-leading-slash": { why: "unreachable there; the slash is dropped here", sinks: CSV },
};

const RUNTIME =
  /^(flag|demo|signal|uptime|mongo|statsd|base64|pump-mongo|pump-meta-scalar|raw-decoded|field-pump-timeout-slow)/;
const FULL = fileURLToPath(new URL("../../../shared/fixtures/config/cases.jsonl", import.meta.url));
const SMALL = fileURLToPath(new URL("./testdata/cases.jsonl", import.meta.url));
const lockFile = fileURLToPath(new URL("./testdata/plugins.lock.json", import.meta.url));

const REDIS_PORT = 6390;
const HEALTH_PORT = 8391;
const folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Every other port of the placeholders plays no part here. */
function filled(text: string, dir: string): string {
  const values: { [name: string]: string } = {
    DIR: dir,
    REDIS_PORT: String(REDIS_PORT),
    HEALTH_PORT: String(HEALTH_PORT),
  };
  return text.replace(/\$\{([A-Z]+|[A-Z]+_PORT)\}/g, (_, name: string) => values[name] ?? "1");
}

async function load(one: Case) {
  const cwd = join(folder, one.name);
  mkdirSync(cwd, { recursive: true });
  for (const [name, content] of Object.entries(one.files ?? {})) {
    if (content === null) continue;
    writeFileSync(
      join(cwd, name),
      typeof content === "string" ? filled(content, cwd) : Buffer.from(content.base64, "base64"),
    );
  }
  const env = Object.fromEntries(Object.entries(one.env).map(([name, value]) => [name, filled(value, cwd)]));
  const [, file] = one.args;
  return { cwd, ...(await readConfig({ ...(file ? { file: filled(file, cwd) } : {}), env, cwd, lockFile })) };
}

describe.each([SMALL, FULL].filter((file) => existsSync(file)))("recorded cases of %s", (file) => {
  const cases = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line): Case => JSON.parse(line));
  const inScope = cases.filter(({ name }) => !RUNTIME.test(name));

  test("the list of differences names recorded cases only", () => {
    if (file === FULL)
      expect(Object.keys(DIFFERENT).filter((name) => !cases.some((one) => one.name === name))).toEqual([]);
  });

  test.each(inScope.filter(({ name }) => !(name in DIFFERENT)))("$name", async (one) => {
    const { cwd, config, problems } = await load(one);
    const { running, pumps = [], health, records = {} } = one.observed;
    const busy = one.name === "health-port-in-use";
    expect(!stopsTheStart(problems), JSON.stringify(problems)).toBe(running || busy);
    if (pumps.length > 0) expect(config.sinks.map((sink) => sink.name.toUpperCase()).sort()).toEqual([...pumps].sort());
    const written = Object.entries(records).filter(([, { rows }]) => rows !== undefined && rows > 0);
    for (const [where] of written.filter(([name]) => name.startsWith("csv:"))) {
      const dirs = config.sinks.map((sink) => (sink.config as { csv_dir?: string }).csv_dir);
      expect(dirs).toContain(where === "csv:." ? "" : join(cwd, where.slice(4)));
    }
    if (written.length > 0) {
      const { key, db } = one.setup?.preload ?? { key: "analytics-tyk-system-analytics", db: 0 };
      expect(config.log).toMatchObject({
        engine: "redis",
        nodes: [{ host: "127.0.0.1", port: REDIS_PORT }],
        database: db,
      });
      expect(config.log.engine === "redis" && `${config.log.keyPrefix}tyk-system-analytics`).toBe(key);
    }
    const alive = health?.find(({ status }) => status === 200)?.path;
    const braces = /[{}]/.test(config.health.endpoint);
    if (alive !== undefined && !braces && !alive.startsWith("/debug")) expect(`/${config.health.endpoint}`).toBe(alive);
  });

  test.each(inScope.filter(({ name }) => name in DIFFERENT))("$name, deliberately different", async (one) => {
    const { config, problems } = await load(one);
    const starting = stopsTheStart(problems) ? null : config.sinks.map((sink) => sink.name);
    expect(starting, JSON.stringify(problems)).toEqual(DIFFERENT[one.name]?.sinks);
  });
});

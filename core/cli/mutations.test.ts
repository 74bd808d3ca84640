import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { type Loaded, readConfig } from "../config/load.ts";
import { stopsTheStart } from "../config/problem.ts";
import { reportOf } from "./check.ts";
import { reportText } from "./check-report.ts";
import { shownValue } from "./config-print.ts";

const SECRET = "hunter2-hunter2";
/** Of one reading, on a machine with much else to do, ms. */
const SLOWEST_MS = 5000;
const folder = mkdtempSync(join(tmpdir(), "sluice-mutations-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Something of everything. */
const WHOLE = {
  purge_delay: 2,
  analytics_storage_config: {
    type: "redis",
    addrs: ["127.0.0.1:6379"],
    hosts: { localhost: "6379" },
    password: SECRET,
    timeout: 1,
    use_ssl: false,
    iam_auth: { enabled: false, token_refresh_before_expiry: "5m" },
  },
  log_level: "info",
  max_record_size: 1000,
  dont_purge_uptime_data: true,
  uptime_pump_config: { uptime_type: "sql", type: "postgres", connection_string: `postgres://u:${SECRET}@h/db` },
  kv: {
    stores: {
      mine: { type: "inline", required: true, config: { data: { db: `host=h password=${SECRET}` } } },
      files: { type: "file", config: { base_path: folder } },
      vars: { type: "env", config: { prefix: "APP_", uppercase: true } },
    },
  },
  pumps: {
    csv: { type: "csv", filters: { org_ids: ["a"], skip_response_codes: [404] }, meta: { csv_dir: "$kv{files:none}" } },
    sql: {
      type: "sql",
      timeout: 5,
      ignore_fields: ["api_id"],
      meta: { type: "postgres", connection_string: "kv://mine/db" },
    },
    out: { type: "stdout", omit_detailed_recording: true, meta: { format: "json", meta_env_prefix: "OUT" } },
  },
  sluice: { stop: "5s", delivery: { lease: "30s", letters: { records: 5 } }, sinks: { csv: { actors: 2 } } },
};

type Path = (string | number)[];

function paths(value: unknown, at: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [at];
  return [
    at,
    ...Object.entries(value).flatMap(([key, one]) => paths(one, [...at, Array.isArray(value) ? Number(key) : key])),
  ];
}

const STRANGE = fc.constantFrom<unknown>(
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  "",
  " ",
  "true",
  "5",
  "kv://",
  "kv://mine/db",
  "kv://x/y",
  "$kv{mine:db",
  "a\u0000b",
  "\ud800",
  "x".repeat(5000),
  [],
  [[]],
  {},
  { a: {} },
  [null],
  ["a", 1, {}],
  { type: "csv" },
  "redis://u:hunter2-hunter2@h",
  "../../etc/passwd",
);

type Mutation = (root: { [key: string]: unknown }) => void;

/** One change to what lies at one of the paths. */
const mutation: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.nat(),
    fc.constantFrom("drop", "replace", "rename", "case", "wrap", "copy"),
    STRANGE,
    fc.string({ maxLength: 6 }),
  )
  .map(([pick, kind, strange, text]) => (root) => {
    const all = paths(root).slice(1);
    const path = all[pick % Math.max(1, all.length)];
    if (!path) return;
    const key = String(path.at(-1));
    let at: unknown = root;
    for (const step of path.slice(0, -1)) at = (at as { [key: string]: unknown })[step];
    const parent = at as { [key: string]: unknown };
    const value = parent[key];
    // A copy: the next change may be to this one.
    if (kind === "replace") parent[key] = structuredClone(strange);
    else if (kind === "wrap") parent[key] = [value];
    else if (Array.isArray(parent)) parent.push(structuredClone(strange));
    else {
      if (kind !== "copy") delete parent[key];
      const other = kind === "case" ? key.toUpperCase() : `${key}${text}`;
      if (kind !== "drop")
        Object.defineProperty(parent, other, { value, enumerable: true, configurable: true, writable: true });
    }
  });

const damage = fc.tuple(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.nat(6),
  fc.string({ maxLength: 4, unit: "binary" }),
);

const NAMES = [
  "TYK_PMP_PURGEDELAY",
  "TYK_PMP_PUMPS",
  "TYK_PMP_PUMPS_CSV_TYPE",
  "TYK_PMP_PUMPS_CSV_META_CSVDIR",
  "TYK_PMP_PUMPS_SQL_META_CONNECTIONSTRING",
  "TYK_PMP_PUMPS_NEW_TYPE",
  "TYK_PMP_PUMPS__",
  "TYK_PMP_KV_STORES",
  "TYK_PMP_REDIS_HOSTS",
  "TYK_PMP_ANALYTICSSTORAGECONFIG_PORT",
  "TYK_PMP_UPTIMEPUMPCONFIG_TYPE",
  "TYK_PMP_OMITCONFIGFILE",
  "TYK_LOGLEVEL",
  "SLUICE_STOP",
  "SLUICE_SINKS_CSV_ACTORS",
  "PMP_MONGO_MONGOURL",
  "MONGO_DB_TYPE",
];
const VALUES = fc.oneof(
  fc.string(),
  fc.constantFrom("1", "true", "csv", "[", "{}", "a:b", "a,b", '{"m": {"type": "env"}}', "kv://mine/db", "5s"),
);
const environment = fc.dictionary(fc.constantFrom(...NAMES), VALUES, { maxKeys: 3 });

/** What a person sees says what is wrong and what to do, and nothing that is none of his business. */
function answers(loaded: Loaded): void {
  const report = reportOf(loaded, []);
  const text = `${reportText(report)}${JSON.stringify(report)}`;
  expect(report.starts ? report.sinks.length > 0 : !report.ok).toBe(true);
  expect(report.starts).toBe(!stopsTheStart(loaded.problems));
  for (const { place, message, mend, code } of report.findings) {
    expect(place).not.toBe("");
    expect(message).toMatch(/[.!?]$/);
    expect(mend).toMatch(/[.!?]$/);
    expect(code).toMatch(/^SLUICE_[A-Z_]+$/);
    expect(message.length + mend.length).toBeLessThan(20_000);
  }
  expect(text).not.toMatch(/undefined|\[object|\n\s+at |TypeError|RangeError/);
  expect(text).not.toContain(SECRET);
  const shown = loaded.settings().map((setting) => shownValue(setting, loaded.hidden));
  expect(JSON.stringify(shown)).not.toContain(SECRET);
}

test("a thousand changed configurations: a clear answer each time", async () => {
  const file = join(folder, "pump.conf");
  await fc.assert(
    fc.asyncProperty(
      fc.array(mutation, { maxLength: 4 }),
      fc.option(damage, { freq: 3 }),
      environment,
      async (changes, damaged, env) => {
        writeFileSync(file, damagedBy(damaged, changedBy(changes, JSON.stringify(WHOLE))));
        const started = performance.now();
        answers(await readConfig({ file, env, cwd: folder }));
        expect(performance.now() - started).toBeLessThan(SLOWEST_MS);
      },
    ),
    { numRuns: 1000, seed: 20261122, endOnFailure: true },
  );
}, 60_000);

interface Recorded {
  files: { [name: string]: string | null | { base64: string } } | null;
  env: { [name: string]: string };
}

/** Configurations that were put to Tyk Pump. */
const recorded = readFileSync(new URL("../config/testdata/cases.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Recorded)
  .map(({ files, env }) => ({ conf: files?.["pump.conf"], env }));
const filled = (text: string) => text.replaceAll(/\$\{DIR\}/g, folder).replaceAll(/\$\{[A-Z_]+\}/g, "6379");

test("a thousand more, from what was put to Tyk Pump: file and variables changed", async () => {
  const file = join(folder, "recorded.conf");
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...recorded),
      fc.array(mutation, { maxLength: 4 }),
      fc.option(damage, { freq: 3 }),
      environment,
      fc.option(fc.nat()),
      async ({ conf, env }, changes, damaged, more, dropped) => {
        const text = typeof conf === "string" ? filled(conf) : "{}";
        writeFileSync(file, damagedBy(damaged, changedBy(changes, text)));
        const variables = { ...env, ...more };
        const names = Object.keys(variables);
        if (dropped !== null && names.length > 0) delete variables[names[dropped % names.length]!];
        for (const [name, value] of Object.entries(variables)) variables[name] = filled(value);
        const started = performance.now();
        answers(await readConfig({ file, env: variables, cwd: folder }));
        expect(performance.now() - started).toBeLessThan(SLOWEST_MS);
      },
    ),
    { numRuns: 1000, seed: 20261122, endOnFailure: true },
  );
}, 60_000);

/** What is no JSON stays as it is. */
function changedBy(changes: readonly Mutation[], text: string): string {
  let conf: { [key: string]: unknown };
  try {
    conf = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof conf !== "object" || conf === null) return text;
  for (const change of changes) change(conf);
  return JSON.stringify(conf, null, 2);
}

function damagedBy(damaged: readonly [number, number, string] | null, text: string): string {
  if (damaged === null) return text;
  const [where, cut, put] = damaged;
  const at = Math.floor(where * text.length);
  return text.slice(0, at) + put + text.slice(at + cut);
}

test.each([
  ["nested too deeply", `${'{"pumps":'.repeat(20_000)}`],
  ["lists in lists", `{"pumps": ${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
  ["one huge key", `{"${"k".repeat(1_000_000)}": 1}`],
  [
    "many unknown keys",
    JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`purge_delai${i}`, i]))),
  ],
  ["many references", JSON.stringify({ pumps: { csv: { meta: { csv_dir: "$kv{a:b}".repeat(5000) } } } })],
  ["an open reference", JSON.stringify({ statsd_prefix: `$kv{${"$kv{".repeat(5000)}` })],
])("%s", async (_, text) => {
  const file = join(folder, "strange.conf");
  writeFileSync(file, text);
  const loaded = await readConfig({ file, env: {}, cwd: folder });
  expect(stopsTheStart(loaded.problems)).toBe(true);
  expect(reportText(reportOf(loaded, []))).not.toMatch(/undefined|\n\s+at |RangeError/);
});

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../core/cli/main.ts", import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-demo-e2e-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function sluice(args: string[], env: NodeJS.ProcessEnv = {}) {
  const clean = Object.entries(process.env).filter(([name]) => !/^(TYK|SLUICE|NODE_OPTIONS)/.test(name));
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { ...Object.fromEntries(clean), ...env },
  });
  const started = performance.now();
  const result = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    result.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    result.err += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, result, ended, started };
}

/** Data rows of all CSV files in a folder. */
function rows(...path: string[]): number {
  const at = join(folder, ...path);
  const files = readdirSync(at).filter((file) => file.endsWith(".csv"));
  const lines = files.map((file) => readFileSync(join(at, file), "utf8").split("\n").length - 2);
  return lines.reduce((sum, n) => sum + n, 0);
}

/** What the sinks have stored in a file of SQLite. */
function stored(file: string) {
  const database = new DatabaseSync(join(folder, file), { readOnly: true });
  const one = (sql: string) => Object.values(database.prepare(sql).get()!)[0];
  const found = {
    rows: one("SELECT COUNT(*) FROM tyk_analytics"),
    hits: one("SELECT SUM(counter_hits) FROM tyk_aggregated WHERE dimension = 'apiid'"),
    failed: one("SELECT SUM(counter_error) FROM tyk_aggregated WHERE dimension = 'apiid'"),
  };
  database.close();
  return found;
}

/** Where nothing listens, so that no standard port is taken. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("sluice demo: every record in every sink's files", async () => {
  const { result, ended } = sluice(["demo", "--records", "5000", "--seed", "1"]);
  expect(await ended, result.err).toBe(0);
  const [output] = readdirSync(join(folder, "data"));
  expect(rows("data", output!, "csv")).toBe(5000);
  const failed = Number(/^errors +\S+ +(\d+)/m.exec(result.out)?.[1]);
  expect(rows("data", output!, "errors")).toBe(failed);
  expect(stored(join("data", output!, "analytics.db"))).toEqual({ rows: 5000, hits: 5000, failed });
  const share = (hits: number) => `${((hits / 5000) * 100).toFixed(1)} %`;
  const [, busiest, hits, part] = /^Busiest APIs +requests +share\n(.*?) +([\d,]+) +(.*)$/m.exec(result.out) ?? [];
  expect([busiest, part]).toEqual(["Foo Bar Baz API", share(Number(hits!.replace(",", "")))]);
  expect(result.out).toMatch(/^Error rate by API +failed +of +rate\nWonky Ponky API /m);
  expect(result.out).toMatch(/^Slowest paths .*\n\/\S+ +\d+ ms +[\d.]+ ms +\d+$/m);
  expect(result.err).toBe("");
});

test("sluice start with nothing configured: says what it does, shows it live, ends with a summary", async () => {
  const port = await freePort();
  const { child, result, ended } = sluice(["start"], { TYK_PMP_HEALTHCHECKENDPOINTPORT: String(port) });
  await expect.poll(() => result.out, { timeout: 20_000 }).toMatch(/csv \d+ records\/s, lag \d+, retries 0, open/);
  expect(result.out).toMatch(/^Sluice \S+, a demonstration/);
  expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect(await ready.json()).toMatchObject({
    ready: true,
    sinks: { csv: { state: "open" }, errors: { state: "open" }, rows: { state: "open" }, totals: { state: "open" } },
  });
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(Number(/^sluice_sink_delivered_records_total\{sink="csv"\} (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(0);
  child.kill("SIGINT");
  expect(await ended, result.err).toBe(0);
  const written = Number(/^csv +\S+ +([\d,]+)/m.exec(result.out)?.[1]?.replace(",", ""));
  expect(rows("data", "csv")).toBe(written);
  expect(stored(join("data", "analytics.db"))).toMatchObject({ rows: written, hits: written });
  expect(result.out).toMatch(/^Busiest APIs +requests +share\nFoo Bar Baz API /m);
  expect(result.out).toMatch(new RegExp(`Ran .*, ${written.toLocaleString("en-US")} records generated\\.`));
});

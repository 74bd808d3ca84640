import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));
const BIN = fileURLToPath(new URL("./sluice.js", import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Result {
  code: number | null;
  out: string;
  err: string;
}

/** Runs the command in an empty folder, with nothing of Tyk Pump in its environment. */
function sluice(args: string[], more: { entry?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Result> {
  const clean = Object.entries(process.env).filter(([name]) => !/^(TYK|SLUICE|NODE_OPTIONS)/.test(name));
  const env = { ...Object.fromEntries(clean), ...more.env };
  const child = spawn(process.execPath, [more.entry ?? MAIN, ...args], { cwd: folder, env });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

test.each([["--help"], ["-h"], ["help"], []])("help %s", async (...args) => {
  const { code, out, err } = await sluice(args.filter((arg) => arg !== undefined));
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("Usage: sluice");
  expect(out).toContain("sluice start -c pump.conf");
});

test("help of a command names Tyk Pump's flags, and not their negations", async () => {
  const { code, out } = await sluice(["start", "--help"]);
  expect(code).toBe(0);
  const flags = ["--conf", "--demo", "--demo-api", "--demo-api-version", "--demo-track-path", "--demo-days"];
  for (const flag of [...flags, "--demo-records-per-hour", "--demo-future-data", "--debug"])
    expect(out).toContain(flag);
  expect(out).not.toContain("--no-");
});

test("the version, by both entries", async () => {
  for (const entry of [MAIN, BIN]) {
    const { code, out } = await sluice(["--version"], { entry });
    expect(code).toBe(0);
    expect(out).toMatch(/^sluice \d+\.\d+\.\d+\n$/);
  }
});

test.each([
  [2, ["strat"], "sluice: error: unknown command 'strat' (Did you mean start?), try --help\n"],
  [2, ["start", "--dbug"], "sluice: error: unknown option '--dbug' (Did you mean --debug?), try --help\n"],
  [2, ["demo", "--record", "5"], "sluice: error: unknown option '--record' (Did you mean --records?), try --help\n"],
  [2, ["demo", "--records", "0"], "argument '0' is invalid. It must be 1 or more, try --help\n"],
  [1, ["--no-such-flag"], "sluice: error: unknown option '--no-such-flag', try --help\n"],
  [1, ["--conf"], "argument missing, try --help\n"],
  [1, ["-c", "a", "-c", "b"], "It can be given only once, try --help\n"],
  [1, ["-c", "a", "extra"], "too many arguments"],
  [1, ["--demo=o", "--demo-days=x"], "argument 'x' is invalid. It must be a number, try --help\n"],
])("exit %i for %j, in one line", async (expected, args, message) => {
  const { code, out, err } = await sluice(args);
  expect({ code, out }).toEqual({ code: expected, out: "" });
  expect(err).toContain(message);
  expect(err.split("\n")).toHaveLength(2);
});

test("every problem of a configuration is told at once, and nothing starts", async () => {
  writeFileSync(join(folder, "bad.conf"), '{"pumps": {"a": {"type": "nonesuch"}, "b": {"type": 7}}}');
  const { code, err } = await sluice(["-c", "bad.conf"]);
  expect(code).toBe(1);
  expect(err).toContain("nonesuch");
  for (const sink of ["a", "b"])
    expect(err).toMatch(new RegExp(`level=error message="bad\\.conf:1:\\d+ pumps\\.${sink}`));
  expect(err).toMatch(/level=fatal message="Not started: see the errors above"/);
});

test("many problems of one kind are all told", async () => {
  const names = Array.from({ length: 15 }, (_, i) => `TYK_PMP_NONESUCH${i}`);
  const { err } = await sluice(["-c", "bad.conf"], { env: Object.fromEntries(names.map((name) => [name, "1"])) });
  for (const name of names) expect(err).toContain(`message="${name}: `);
});

test("what ends the start of the pump is one line in the log's format, without a secret", async () => {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const conf = {
    analytics_storage_config: { host: "127.0.0.1", port: 1, password: "hunter2hunter2" },
    health_check_endpoint_port: port,
    log_format: "json",
    dont_purge_uptime_data: true,
    pumps: { csv: { meta: { csv_dir: "out" } } },
  };
  writeFileSync(join(folder, "busy.conf"), JSON.stringify(conf));
  const { code, err } = await sluice(["-c", "busy.conf"]);
  server.close();
  expect(code).toBe(1);
  const lines = err
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { level: string; message: string; code?: string });
  expect(lines.filter(({ level }) => level === "fatal")).toEqual([
    expect.objectContaining({
      code: "SLUICE_ADMIN_PORT_IN_USE",
      message: expect.stringContaining("the port is in use"),
    }),
  ]);
  expect(err).not.toContain("hunter2");
});

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CsvFault, readCsv } from "../../test/support/csv.ts";
import { push } from "../../test/support/gateway.ts";
import { until } from "../../test/support/pump.ts";
import { startRedis, type TestRedis } from "../../test/support/redis.ts";

/** What Tyk Pump v1.16.0 did with a command line. */
interface Case {
  name: string;
  files: { [name: string]: string };
  env: { [name: string]: string };
  args: string[];
  observed: {
    running: boolean;
    exit_code?: number;
    stop?: { signals: NodeJS.Signals[]; exited: boolean; exit_code?: number; killed_by?: string };
    records: { [where: string]: { rows: number } };
  };
}

const BIN = fileURLToPath(new URL("./sluice.js", import.meta.url));
const cases = readFileSync(new URL("./testing/cases.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line): Case => JSON.parse(line));
const PRELOADED = 5;
/** A second signal ends the process at once here, where it is ignored there. */
const IMPATIENT = "signal-term-three-times";
/** It ends the process there. */
const RELOADED = "signal-hup";

let redis: TestRedis;
let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  redis = await startRedis();
  folder = mkdtempSync(join(tmpdir(), "sluice-recorded-"));
});
afterAll(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true });
});

interface Run {
  child: ChildProcess;
  out(): string;
  err(): string;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

async function start({ name, files, env, args }: Case): Promise<Run> {
  const cwd = join(folder, name);
  mkdirSync(cwd);
  const [health, closed] = [await freePort(), await freePort()];
  const values: { [name: string]: string } = {
    DIR: cwd,
    REDIS_PORT: `${redis.port}`,
    HEALTH_PORT: `${health}`,
    CLOSED_PORT: `${closed}`,
  };
  const filled = (text: string) => text.replace(/\$\{([A-Z_]+)\}/g, (_, key: string) => values[key] ?? "1");
  for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), filled(text));
  const child = spawn(process.execPath, [BIN, ...args.map(filled)], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
  });
  children.push(child);
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on("close", (code, signal) => resolve({ code, signal })),
  );
  return { child, out: () => out, err: () => err, ended };
}

/** 0 while the last row is on its way. */
function rowsIn(name: string): number {
  const out = join(folder, name, "out");
  try {
    return existsSync(out) ? readCsv(out).rows.length : 0;
  } catch (error) {
    if (error instanceof CsvFault) return 0;
    throw error;
  }
}

describe.concurrent("a command line that ends by itself", () => {
  test.each(cases.filter(({ observed }) => !observed.running))("$name", async (one) => {
    const { ended, out } = await start(one);
    expect((await ended).code).toBe(one.observed.exit_code);
    const { "csv:out": csv, "stdout:json": json } = one.observed.records;
    if (csv) expect(rowsIn(one.name)).toBe(csv.rows);
    if (json) expect(out().trim().split("\n")).toHaveLength(json.rows);
  });
});

describe("a pump that runs", () => {
  // However the test ended: it would take the next one's records.
  afterEach(() => {
    for (const child of children) child.kill("SIGKILL");
  });

  test.each(cases.filter(({ observed }) => observed.running))("$name", async (one) => {
    await redis.client.flushall();
    await push(redis.client, 0, PRELOADED);
    const { child, ended, err } = await start(one);
    await until(() => rowsIn(one.name) === PRELOADED, "the records");
    const { signals, exited, exit_code, killed_by } = one.observed.stop!;
    for (const signal of signals) child.kill(signal);
    if (one.name === RELOADED) {
      await until(() => err().includes("Reloaded: 1 sink unchanged"), "the reload");
      child.kill("SIGTERM");
      expect((await ended).code).toBe(0);
    } else if (!exited) {
      expect(child.exitCode).toBeNull();
      child.kill("SIGTERM");
      expect((await ended).code).toBe(0);
      // SIGUSR1 opens Node's debugger otherwise.
      expect(err()).not.toContain("Debugger");
    } else {
      const { code, signal } = await ended;
      if (one.name === IMPATIENT) expect([0, 130]).toContain(code);
      else expect({ code, signal }).toEqual({ code: exit_code ?? null, signal: killed_by ?? null });
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

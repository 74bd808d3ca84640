import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { demoConfig } from "../config/load.ts";
import { createLogger } from "../logging/logger.ts";
import { demo } from "./demo.ts";
import { demoData } from "./demo-data.ts";
import { fakeSession } from "./fake-parts.ts";

let folder: string;
let printed: string;
const lines: string[] = [];
const logger = createLogger({ level: "info", format: "text", write: (line) => lines.push(line), perSecond: 1000 });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-demo-test-"));
  printed = "";
  lines.length = 0;
  vi.stubEnv("TMPDIR", folder);
  vi.spyOn(process, "cwd").mockReturnValue(folder);
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
  for (const name of ["SIGINT", "SIGTERM"]) process.removeAllListeners(name);
});

describe("sluice demo", () => {
  test("with a configuration the output is where that says, and nothing else is left", async () => {
    const { parts } = fakeSession();
    const conf = join(folder, "pump.conf");
    const pumps = { csv: { type: "csv", meta: { csv_dir: join(folder, "out") } } };
    writeFileSync(conf, JSON.stringify({ dont_purge_uptime_data: true, pumps }));
    expect(await demo({ records: 10, seed: 1, conf }, parts)).toBe(0);
    expect(printed).toContain(`10 records to csv; the output is where ${conf} says\n`);
    expect(readdirSync(join(folder, "data"))).toEqual([]);
  });

  test("delivers all, tells what each sink got and where, and leaves no log behind", async () => {
    const { parts, appended, calls } = fakeSession();
    expect(await demo({ records: 2500, seed: 1 }, parts)).toBe(0);
    expect(appended).toHaveLength(2500);
    expect(calls).toEqual(["open", "start", "stop"]);
    const [output] = readdirSync(join(folder, "data"));
    expect(output).toMatch(/^demo-\d{8}-\d{6}$/);
    expect(printed).toContain(`2,500 records to csv, errors, rows, totals; the output is in ./data/${output}\n`);
    expect(printed).toContain("100 %  2,500 of 2,500 records");
    expect(printed).toMatch(/^csv +2,500 +2,500 .* \.\/data\/demo-\d+-\d+\/csv$/m);
    expect(printed).toMatch(/2,500 records in .* records\/s to every sink\.\n$/);
    expect(existsSync(join(folder, "data", output!, "log"))).toBe(false);
  });

  test("the same seed makes the same keys", async () => {
    const keys = async () => {
      const { parts, appended } = fakeSession();
      await demo({ records: 1, seed: 9 }, parts);
      return Buffer.from(appended[0]!)
        .toString("latin1")
        .match(/demo[0-9a-f]{32}/)?.[0];
    };
    expect(await keys()).toBe(await keys());
  });

  test("fails where a record is unaccounted for, says why and keeps the log", async () => {
    const suspended = { state: "suspended" as const, ready: false, delivered: 4, reason: "no such folder" };
    const { parts } = fakeSession((name) => (name === "errors" ? suspended : {}));
    expect(await demo({ records: 10 }, parts)).toBe(1);
    expect(printed).toContain("errors: 6 records not delivered (no such folder)\n");
    expect(printed).toMatch(/What is not delivered is kept in \.\/data\/demo-.*\/log\n$/);
  });

  test("dead letters are accounted for", async () => {
    const { parts } = fakeSession(() => ({ deadLettered: 3 }));
    expect(await demo({ records: 10 }, parts)).toBe(0);
    expect(printed).toMatch(/^csv +7 .* 3 /m);
  });
});

describe("Tyk Pump's --demo", () => {
  const run = async (options: { demoDays: number; demoRecordsPerHour: number }, parts = fakeSession().parts) => {
    const { config } = demoConfig({ cwd: folder });
    const health = { host: "127.0.0.1", port: 0, endpoint: "health" };
    const full = { demo: "orgX", rate: 1, ...options };
    return demoData({ config: { ...config, health }, parts, logger, options: full });
  };

  test("writes every hour of every day and flushes", async () => {
    const { parts, appended, calls } = fakeSession();
    expect(await run({ demoDays: 2, demoRecordsPerHour: 3 }, parts)).toBe(0);
    expect(appended).toHaveLength(2 * 24 * 3);
    expect(calls.at(-1)).toBe("stop");
    const messages = lines.map((line) => /message="([^"]*)"/.exec(line)?.[1]);
    expect(messages).toContain("BUILDING DEMO DATA AND EXITING...");
    expect(messages).toContain("Finished 2 of 2");
  });

  test("no days, no records", async () => {
    const { parts, appended } = fakeSession();
    expect(await run({ demoDays: -1, demoRecordsPerHour: 3 }, parts)).toBe(0);
    expect(appended).toHaveLength(0);
  });

  test("fails where a sink does not take them", async () => {
    const { parts } = fakeSession(() => ({ state: "suspended", delivered: 0, reason: "refused" }));
    expect(await run({ demoDays: 1, demoRecordsPerHour: 1 }, parts)).toBe(1);
    expect(lines.join("")).toContain("csv: 24 records not delivered (refused)");
  });
});

describe("signals", () => {
  /** A process that stops slowly. */
  const SLOW_STOP = `
    import { watchSignals } from ${JSON.stringify(new URL("./signals.ts", import.meta.url).href)};
    const signals = watchSignals((text) => console.log(text));
    const alive = setInterval(() => {}, 1000);
    console.log("ready");
    console.log(await signals.received);
    setTimeout(() => { console.log("stopped"); clearInterval(alive); }, 1500);
  `;

  test.each([
    ["one", ["SIGTERM"], 0, "ready\nSIGTERM\nstopped\n"],
    ["a second", ["SIGINT", "SIGTERM"], 130, "ready\nSIGINT\nStopped at once. Nothing is lost: what was in hand"],
  ] as const)("%s", async (_, signals, code, output) => {
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", SLOW_STOP]);
    let out = "";
    let next = 0;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      // Each signal when the one before was noticed: the system joins those that come together.
      const noticed = out.split("\n").length - 1;
      while (next < signals.length && next < noticed) child.kill(signals[next++]);
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(code);
    expect(out.startsWith(output)).toBe(true);
  });
});

test("a port in use is told before anything is generated", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const { parts, appended } = fakeSession();
  const { config } = demoConfig({ cwd: folder });
  const options = { demo: "o", rate: 1, demoDays: 1, demoRecordsPerHour: 1 };
  const health = { host: "127.0.0.1", port, endpoint: "health" };
  await expect(demoData({ config: { ...config, health }, parts, logger, options })).rejects.toThrow(
    "the port is in use",
  );
  expect(appended).toHaveLength(0);
  server.close();
});

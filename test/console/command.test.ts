import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { proxyTo } from "../../core/console/proxy.ts";
import { freePort } from "../support/redis.ts";

/** Real processes: a pump over a log on disk, and the command beside it. */
const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));
const PATIENCE = { timeout: 40_000, interval: 100 };

interface Started {
  child: ChildProcess;
  output(): string;
  /** The exit code. */
  ended: Promise<number | null>;
  end(): Promise<number | null>;
}

async function useFolder() {
  const folder = mkdtempSync(join(tmpdir(), "sluice-console-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const health = await freePort();
  const file = join(folder, "pump.conf");
  const configure = (console?: object) =>
    writeFileSync(
      file,
      JSON.stringify({
        health_check_endpoint_port: health,
        dont_purge_uptime_data: true,
        pumps: { csv: { type: "csv", meta: { csv_dir: join(folder, "csv") } } },
        sluice: { log: { engine: "disk", folder: join(folder, "log") }, ...(console && { console }) },
      }),
    );
  const run = (...args: string[]): Started => {
    const env = { ...process.env, SLUICE_RUN_DIR: join(folder, "run") };
    const child = spawn(process.execPath, [COMMAND, ...args, "-c", file], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    const ended = once(child, "close").then(([code]) => code as number | null);
    const end = async () => {
      child.kill("SIGTERM");
      return ended;
    };
    onTestFinished(async () => void (child.exitCode === null && child.signalCode === null && (await end())));
    return { child, output: () => output, ended, end };
  };
  return { folder, configure, run };
}

const urlIn = (text: string) => /http:\/\/\S+#token=(\S+)/.exec(text);

async function about(url: string, token: string) {
  const response = await fetch(new URL("/v1/about", url), { headers: { Authorization: `Bearer ${token}` } });
  return { status: response.status, body: (await response.json()) as { pid?: number; error?: { code: string } } };
}

test("the command serves a console of its own, which outlives the pump and finds the next one", async () => {
  const { configure, run } = await useFolder();
  configure();
  const none = run("console");
  expect(await none.ended).toBe(1);
  expect(none.output()).toContain("No pump runs");

  const pump = run("start");
  await expect.poll(pump.output, PATIENCE).toContain("health check");
  const command = run("console");
  await expect.poll(() => urlIn(command.output()), PATIENCE).not.toBeNull();
  const [url, token] = urlIn(command.output())!;
  expect(new URL(url).hostname).toBe("127.0.0.1");
  await expect.poll(async () => (await about(url, token!)).body.pid, PATIENCE).toBe(pump.child.pid);

  expect(await pump.end()).toBe(0);
  expect(await about(url, token!)).toMatchObject({
    status: 503,
    body: { error: { code: "SLUICE_CONTROL_NOT_RUNNING" } },
  });
  const next = run("start");
  await expect.poll(async () => (await about(url, token!)).body.pid, PATIENCE).toBe(next.child.pid);
  expect(await command.end()).toBe(0);
  expect(await next.end()).toBe(0);
});

test("a pump serves one permanently: with a token that only its owner can read, and that stays", async () => {
  const { folder, configure, run } = await useFolder();
  const port = await freePort();
  configure({ port });
  const address = async () => {
    const command = run("console");
    expect(await command.ended).toBe(0);
    return urlIn(command.output())!;
  };
  const pump = run("start");
  await expect.poll(pump.output, PATIENCE).toContain(`Serving the console on port ${port}`);
  const [url, token] = await address();
  expect(url).toBe(`http://127.0.0.1:${port}/#token=${token}`);
  expect(token).toMatch(/^[\w-]{32}$/);
  expect((await about(url, token!)).body.pid).toBe(pump.child.pid);
  expect((await about(url, "another-token-of-some-length")).status).toBe(401);
  const [name] = readdirSync(join(folder, "run"));
  const file = join(folder, "run", name!, "console.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).toContain(token);
  expect(pump.output()).not.toContain(token);
  expect(await pump.end()).toBe(0);

  const next = run("start");
  await expect.poll(next.output, PATIENCE).toContain(`Serving the console on port ${port}`);
  expect((await address())[1]).toBe(token);
  expect(await next.end()).toBe(0);

  // A token of the configuration is not written down, and none that was made is used where one is configured.
  configure({ port, token: "the-token-of-the-operator" });
  const third = run("start");
  await expect.poll(third.output, PATIENCE).toContain(`Serving the console on port ${port}`);
  expect((await about(url, token!)).status).toBe(401);
  expect((await about(url, "the-token-of-the-operator")).status).toBe(200);
  expect(third.output()).not.toContain("the-token-of-the-operator");
  expect(await third.end()).toBe(0);
});

test("a short token is refused, and not printed", async () => {
  const { configure, run } = await useFolder();
  configure({ port: await freePort(), token: "short-secret" });
  const pump = run("start");
  expect(await pump.ended).toBe(1);
  expect(pump.output()).toContain("must have 16 characters or more");
  expect(pump.output()).not.toContain("short-secret");
});

test("a port in use costs the console, not the pump", async () => {
  const { configure, run } = await useFolder();
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  configure({ port: (other.address() as AddressInfo).port });
  const pump = run("start");
  await expect.poll(pump.output, PATIENCE).toContain("SLUICE_CONSOLE_PORT_IN_USE");
  expect(await pump.end()).toBe(0);
});

test("nothing that a browser sent goes on to the pump but method, path, type and body", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-proxy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "s");
  const seen: unknown[] = [];
  const pump = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push([request.method, request.url, request.headers, body]);
    response.writeHead(201, { "Content-Type": "application/x", "Set-Cookie": "a=b", Connection: "close" });
    response.end("said");
  }).listen(socket);
  onTestFinished(() => void pump.close());
  await once(pump, "listening");
  const response = await proxyTo(socket)(
    new Request("http://127.0.0.1:1/v1/letters/drop?a=%2e%2e#x", {
      method: "POST",
      headers: {
        Authorization: "Bearer secret",
        Origin: "http://x",
        Cookie: "c=d",
        "Content-Type": "application/json",
      },
      body: "{}",
    }),
  );
  expect([response.status, await response.text(), [...response.headers]]).toEqual([
    201,
    "said",
    [["content-type", "application/x"]],
  ]);
  const headers = { host: "sluice", "content-type": "application/json", "content-length": "2", connection: "close" };
  expect(seen).toEqual([["POST", "/v1/letters/drop?a=%2e%2e", headers, "{}"]]);
});

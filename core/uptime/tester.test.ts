import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { UptimeRecord } from "@sluice/sdk";
import { batch } from "@sluice/sdk/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { until } from "../../test/support/pump.ts";
import { startRedis, type TestRedis } from "../../test/support/redis.ts";
import type { HttpCheck, UptimeCheck, UptimeConfig } from "../config/config.ts";
import { UPTIME_LIST } from "../log/keys.ts";
import type { ReportLog } from "../log/log.ts";
import { openRedisLog } from "../log/redis.ts";
import { createLogger } from "../logging/index.ts";
import { startTester, type Tester } from "./tester.ts";

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => sockets.add(socket.on("error", () => {})));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function check(name: string, port: number, more: Partial<HttpCheck> = {}): HttpCheck {
  const url = `http://127.0.0.1:${port}/${name}`;
  return {
    kind: "http",
    name,
    url,
    target: url,
    method: "GET",
    headers: {},
    body: "",
    expect: [[200, 200]],
    intervalMs: 50,
    timeoutMs: 5000,
    apiId: `api-${name}`,
    orgId: "org",
    insecure: false,
    ...more,
  };
}

/** A tester on a Redis log of its own. */
async function tester(
  redis: TestRedis,
  checks: UptimeCheck[],
  more: Partial<UptimeConfig> = {},
): Promise<Tester & { lines: string[] }> {
  const log = openRedisLog({
    engine: "redis",
    nodes: [{ host: redis.host, port: redis.port }],
    username: "",
    password: "",
    database: 0,
    timeoutMs: 5000,
    keyPrefix: "analytics-",
    leaseMs: 1000,
    chunkRecords: 100,
    chunkBytes: 1 << 20,
  });
  await log.open([]);
  const lines: string[] = [];
  const logger = createLogger({ level: "info", format: "text", write: (line) => lines.push(line) });
  const config = { concurrency: 4, failures: 2, successes: 2, expireMs: 60_000, report: true, checks, ...more };
  const started = startTester({ config, log: log.reports, logger });
  onTestFinished(async () => {
    await started.stop();
    await log.close();
  });
  return { ...bound(started), lines };
}

const bound = (tester: Tester): Tester => ({ status: () => tester.status(), stop: () => tester.stop() });

async function useRedis(): Promise<TestRedis> {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return redis;
}

const reports = async (redis: TestRedis) => {
  const raw = await redis.client.lrangeBuffer(UPTIME_LIST.name, 0, -1);
  return [...batch<UptimeRecord>(raw, { wire: "uptime" })];
};
const stateOf = (one: Tester, name: string) => one.status().checks.find((check) => check.name === name)!;

test("each result is reported as a gateway reports it; a service goes down and comes up again after so many in a row", async () => {
  const redis = await useRedis();
  let status = 200;
  const port = await listening(
    http.createServer((_, response) => {
      response.statusCode = status;
      response.end();
    }),
  );
  const began = Date.now();
  const one = await tester(redis, [check("web", port), { ...check("gone", 1), target: "http://127.0.0.1:1/" }]);
  await until(() => stateOf(one, "web").state === "up" && stateOf(one, "gone").state === "down", "the first states");
  status = 503;
  await until(() => stateOf(one, "web").state === "down", "the failure");
  status = 200;
  await until(() => stateOf(one, "web").state === "up", "the recovery");
  const { checks } = one.status();
  await one.stop();

  const all = await reports(redis);
  const counts = checks.flatMap(({ results }) => Object.values(results)).reduce((sum, n) => sum + n, 0);
  expect(all.length).toBeGreaterThanOrEqual(counts);
  const web = all.filter(({ apiId }) => apiId === "api-web");
  expect(new Set(web.map((record) => `${record.responseCode} ${record.tcpError} ${record.serverError}`))).toEqual(
    new Set(["200 false false", "503 false true"]),
  );
  const gone = all.find(({ apiId }) => apiId === "api-gone")!;
  expect([gone.responseCode, gone.tcpError, gone.serverError, gone.orgId]).toEqual([521, true, false, "org"]);
  const { timestamp, expireAt, year, month, day, hour, minute, url } = web[0]!;
  expect(timestamp.ms).toBeGreaterThanOrEqual(began);
  expect(expireAt.ms - timestamp.ms).toBe(60_000);
  const date = timestamp.date();
  expect([year, month, day, hour, minute]).toEqual([
    date.getFullYear(),
    date.getMonth() + 1,
    date.getDate(),
    date.getHours(),
    date.getMinutes(),
  ]);
  expect(url).toBe(`http://127.0.0.1:${port}/web`);
  expect(one.lines.join("\n")).toMatch(/service web is down: the status is 503[\s\S]*service web is up again/);
});

test("a hung service delays no other, its own next runs are left out, and no more run at once than are allowed", async () => {
  const redis = await useRedis();
  const hung = await listening(net.createServer(() => {}));
  let now = 0;
  let most = 0;
  const slow = await listening(
    http.createServer((_, response) => {
      most = Math.max(most, ++now);
      setTimeout(() => {
        now--;
        response.end();
      }, 30);
    }),
  );
  const checks = [check("hung", hung), ...Array.from({ length: 10 }, (_, i) => check(`slow-${i}`, slow))];
  const one = await tester(redis, checks, { concurrency: 4 });
  await until(() => checks.slice(1).every(({ name }) => (stateOf(one, name).results.ok ?? 0) >= 3), "three rounds");
  expect(most).toBeLessThanOrEqual(4);
  expect(one.status().skipped).toBeGreaterThan(0);
  expect(stateOf(one, "hung")).toMatchObject({ state: "unknown", results: { ok: 0 } });
  const began = performance.now();
  await one.stop();
  expect(performance.now() - began).toBeLessThan(2000);
});

test("of several instances one tests, and another once that one has stopped", async () => {
  const redis = await useRedis();
  const port = await listening(http.createServer((_, response) => response.end()));
  const one = await tester(redis, [check("web", port)]);
  await until(() => one.status().active, "the first");
  const two = await tester(redis, [check("web", port)]);
  await until(() => stateOf(one, "web").state === "up", "its results");
  expect([one.status().active, two.status().active]).toEqual([true, false]);
  expect(stateOf(two, "web").state).toBe("unknown");
  await one.stop();
  await until(() => two.status().active && stateOf(two, "web").state === "up", "the second");
});

test("an instance that did not run for longer than it holds the seat tests nothing until it has the seat again", async () => {
  const port = await listening(http.createServer((_, response) => response.end()));
  let answers = true;
  const log: ReportLog = {
    push: async () => 0,
    hold: () => (answers ? Promise.resolve(true) : new Promise(() => {})),
    leave: async () => {},
  };
  const logger = createLogger({ level: "error", format: "text", write: () => {} });
  const config = {
    concurrency: 4,
    failures: 2,
    successes: 2,
    expireMs: 60_000,
    report: true,
    checks: [check("web", port)],
  };
  const one = startTester({ config, log, logger });
  onTestFinished(() => one.stop());
  await until(() => stateOf(one, "web").state === "up", "the first result");
  answers = false;
  const now = performance.now.bind(performance);
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now() + 16_000);
  onTestFinished(() => clock.mockRestore());
  await until(() => !one.status().active, "the rest");
  const { results } = stateOf(one, "web");
  await sleep(200);
  expect(stateOf(one, "web").results).toEqual(results);
  answers = true;
  await until(() => one.status().active, "the seat");
});

test("reports wait while Redis is away", async () => {
  const redis = await useRedis();
  const port = await listening(http.createServer((_, response) => response.end()));
  const one = await tester(redis, [check("web", port)]);
  await until(() => stateOf(one, "web").state === "up", "the first result");
  await redis.kill("SIGKILL");
  const before = stateOf(one, "web").results.ok!;
  await until(() => stateOf(one, "web").results.ok! > before + 5, "results without Redis");
  await redis.restart();
  await until(async () => (await redis.client.llen(UPTIME_LIST.name)) > 5, "what waited");
  expect(one.status().dropped).toBe(0);
});

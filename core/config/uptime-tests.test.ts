import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "./load.ts";
import { stopsTheStart } from "./problem.ts";
import type { Environment } from "./variables.ts";

const cwd = mkdtempSync(join(tmpdir(), "sluice-uptime-tests-"));
afterAll(() => rmSync(cwd, { recursive: true }));

const SINK = { uptime_pump_config: { uptime_type: "sql", type: "sqlite", connection_string: "uptime.db" } };

function load(uptime: object, env: Environment = {}, more: object = SINK) {
  const json = { pumps: { dummy: { type: "dummy" } }, ...more, sluice: { uptime } };
  writeFileSync(join(cwd, "pump.conf"), JSON.stringify(json));
  const { config, problems, settings } = loadConfig({ cwd, env });
  return { uptime: config.uptime, problems, stops: stopsTheStart(problems), settings: settings() };
}
const check = (settings: object, env: Environment = {}) => load({ checks: { a: settings } }, env);

test("without checks there are none; a check takes what it does not say from all", () => {
  expect(load({})).toMatchObject({ uptime: null, problems: [] });
  const { uptime, problems } = load({
    interval: "20s",
    failures: 5,
    checks: {
      web: { url: "http://a.com/health", api_id: "api", org_id: "org" },
      redis: { url: "tcp://r:6379", interval: "1s", commands: [{ name: "send", message: "PING\r\n" }] },
    },
  });
  expect(problems).toEqual([]);
  expect(uptime).toEqual({
    concurrency: 16,
    failures: 5,
    successes: 5,
    expireMs: 36_500 * 86_400_000,
    report: true,
    checks: [
      {
        kind: "http",
        name: "web",
        url: "http://a.com/health",
        target: "http://a.com/health",
        method: "GET",
        headers: {},
        body: "",
        expect: [[200, 200]],
        intervalMs: 20_000,
        timeoutMs: 10_000,
        apiId: "api",
        orgId: "org",
        insecure: false,
      },
      {
        kind: "tcp",
        name: "redis",
        url: "tcp://r:6379",
        host: "r",
        port: 6379,
        secure: false,
        commands: [{ name: "send", message: "PING\r\n" }],
        intervalMs: 1000,
        timeoutMs: 1000,
        apiId: "",
        orgId: "",
        insecure: false,
        proxyProtocol: false,
      },
    ],
  });
});

test("an interval is at most a week: longer ones would be no interval at all", () => {
  expect(load({ interval: "168h", checks: { a: { url: "http://a" } } }).uptime?.checks[0]?.intervalMs).toBe(
    604_800_000,
  );
  for (const given of [
    load({ interval: "720h", checks: { a: { url: "http://a" } } }),
    check({ url: "http://a", interval: "720h" }),
  ])
    expect(given.problems).toMatchObject([
      { code: "SLUICE_CONFIG_BAD_VALUE", message: expect.stringContaining("at most") },
    ]);
});

test("an entry of a gateway's check_list means the same", () => {
  const list = { url: "localhost:6379", protocol: "tcp", timeout: 500_000_000, enable_proxy_protocol: true };
  expect(check(list).problems).toEqual([]);
  expect(check(list).uptime?.checks).toMatchObject([
    { kind: "tcp", host: "localhost", port: 6379, timeoutMs: 500, proxyProtocol: true },
  ]);
  expect(check({ url: "http://a.com", timeout: 300 }).uptime?.checks).toMatchObject([{ timeoutMs: 300 }]);
  expect(check({ url: "tls://[::1]:443" }).uptime?.checks).toMatchObject([{ host: "::1", port: 443, secure: true }]);
  expect(check({ url: "http://u:100%@a.com" }).uptime?.checks).toMatchObject([{ url: "http://a.com/" }]);
  const secret = check({ url: "http://u:p%40ss@a.com/x", method: "HEAD", body: "Zw==", expect: "200-299, 401" });
  expect(secret.uptime?.checks).toMatchObject([
    {
      url: "http://a.com/x",
      target: "http://a.com/x",
      headers: { authorization: `Basic ${Buffer.from("u:p@ss").toString("base64")}` },
      expect: [
        [200, 299],
        [401, 401],
      ],
    },
  ]);
});

test("variables set what a check has, or all checks", () => {
  const env = { SLUICE_UPTIME_CHECKS_A_URL: "http://b.com", SLUICE_UPTIME_CHECKS_A_HEADERS: '{"X-Token":"t"}' };
  const one = check({ url: "http://a.com" }, env);
  expect([one.problems, one.uptime?.checks]).toMatchObject([
    [],
    [{ url: "http://b.com", headers: { "X-Token": "t" } }],
  ]);
  const path = "sluice.uptime.checks.a.url";
  expect(one.settings.find((setting) => setting.path === path)).toMatchObject({
    value: "http://b.com",
    from: "variable",
  });
  const all = load({}, { SLUICE_UPTIME_CHECKS: '{"b":{"url":"http://c.com"}}' });
  expect([all.problems, all.uptime?.checks]).toMatchObject([[], [{ name: "b", url: "http://c.com" }]]);
});

test("what cannot be run stops the start, and says where", () => {
  for (const [key, settings] of [
    ["", {}],
    ["url", { url: "a.com/x" }],
    ["url", { url: "ftp://a.com" }],
    ["url", { url: "tcp://a.com" }],
    ["method", { url: "http://a.com", method: "GET /" }],
    ["headers", { url: "http://a.com", headers: { "X-A": "b\r\nEvil: c" } }],
    ["body", { url: "http://a.com", body: "not base64!" }],
    ["expect", { url: "http://a.com", expect: "2xx" }],
    ["interval", { url: "http://a.com", interval: -1 }],
  ] as const) {
    const { stops, problems } = check(settings);
    expect(stops, key).toBe(true);
    expect(problems.map(({ place }) => place).join(), key).toContain(`sluice.uptime.checks.a${key && `.${key}`}`);
  }
});

test("it warns where nobody takes the results, and keeps none in an embedded log", () => {
  const checks = { checks: { a: { url: "http://a.com" } } };
  const redis = load(checks, {}, { dont_purge_uptime_data: true });
  expect([redis.uptime?.report, redis.problems.map(({ severity }) => severity)]).toEqual([true, ["warning"]]);
  const disk = load(checks, { SLUICE_LOG_ENGINE: "disk" }, { dont_purge_uptime_data: true });
  expect([disk.uptime?.report, disk.problems.map(({ severity }) => severity)]).toEqual([false, ["warning"]]);
});

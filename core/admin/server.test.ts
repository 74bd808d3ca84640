import { readFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createLogger } from "../logging/logger.ts";
import type { Status } from "../supervisor/status.ts";
import { ADMIN_ERROR_CODES, AdminError } from "./errors.ts";
import { fakeSink, fakeStatus } from "./fake-status.ts";
import { type Admin, startAdmin } from "./server.ts";

const open: Admin[] = [];
const lines: string[] = [];
const logger = createLogger({ level: "info", format: "text", write: (line) => lines.push(line) });

async function start(more: { status?: () => Status; endpoint?: string; port?: number } = {}): Promise<Admin> {
  const status = more.status ?? (() => fakeStatus([fakeSink("csv")]));
  const options = { host: "127.0.0.1", port: 0, endpoint: "health", version: "1.2.3", logger, ...more, status };
  const admin = await startAdmin(options);
  open.push(admin);
  return admin;
}

const get = (admin: Admin, path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${admin.port}${path}`, init);

/** fetch tidies paths; this sends them as they are. */
function rawStatus(admin: Admin, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port: admin.port, path }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on("error", reject)
      .end();
  });
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((admin) => admin.close()));
});

describe("the health endpoint answers as Tyk Pump's", () => {
  test("GET", async () => {
    const response = await get(await start(), "/health");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.text()).toBe('{"status": "ok"}');
  });

  test.each(["POST", "HEAD", "PUT", "DELETE", "OPTIONS"])("%s is 405", async (method) => {
    const response = await get(await start(), "/health", { method });
    expect(response.status).toBe(405);
    expect(await response.text()).toBe("");
  });

  test.each(["/hello", "/", "/health/", "/debug/pprof/", "/healthx", "/__proto__", "/constructor", "//health"])(
    "%s is 404",
    async (path) => {
      const admin = await start();
      expect(await rawStatus(admin, path)).toBe(404);
    },
  );

  test("the query is ignored", async () => {
    expect((await get(await start(), "/health?x=1")).status).toBe(200);
  });

  test("the text of 404", async () => {
    const response = await get(await start(), "/hello");
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(await response.text()).toBe("404 page not found\n");
  });

  test.each([
    ["hello", "/hello", 200],
    ["a/b", "/a/b", 200],
    ["/status", "/status", 200],
    ["{any}", "/whatever", 200],
    ["{any}", "/x/y", 404],
    ["v{n:[0-9]+}/ok", "/v12/ok", 200],
    ["v{n:[0-9]+}/ok", "/vx/ok", 404],
    ["a.b", "/axb", 404],
    ["livez", "/livez", 200],
  ])("named %s: %s is %i", async (endpoint, path, status) => {
    expect((await get(await start({ endpoint }), path)).status).toBe(status);
  });

  test("a broken pattern serves nothing and breaks nothing", async () => {
    const admin = await start({ endpoint: "{n:(}" });
    expect((await get(admin, "/x")).status).toBe(404);
    expect((await get(admin, "/livez")).status).toBe(200);
  });

  test("says where it serves", async () => {
    const admin = await start();
    expect(lines.at(-1)).toContain(`Serving health check endpoint at http://localhost:${admin.port}/health ...`);
  });
});

describe("/readyz", () => {
  test("200 while every sink is ready", async () => {
    const response = await get(await start(), "/readyz");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      ready: true,
      log: { ready: true, reason: null },
      alarms: [],
      sinks: { csv: { ready: true, state: "open", reason: null, nextTry: null, backlog: "ok", spooled: 0 } },
    });
  });

  test("what is charged, held and nobody's is an alarm, and no reason not to be ready", async () => {
    const backlog = { ...fakeSink("a").backlog, state: "dropping" as const, reason: "why" };
    const status = fakeStatus([fakeSink("a", { backlog })], {
      backlog: { bytes: 5, records: 1, limit: 4, holding: "all is kept", orphans: ["old"] },
    });
    const response = await get(await start({ status: () => status }), "/readyz");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      alarms: [
        "the backlog in Redis is above its limit: all is kept",
        "sink a is dropping: why",
        expect.stringContaining("no instance configures the sink old"),
      ],
    });
  });

  test("503 names the sink that is not, why, and when it is tried again", async () => {
    const nextTryAt = Date.UTC(2024, 4, 1, 12, 30);
    const sick = fakeSink("kafka", { ready: false, state: "suspended", reason: "wrong password", nextTryAt });
    const patient = fakeSink("patient", { nextTryAt: 1e300 });
    const response = await get(await start({ status: () => fakeStatus([fakeSink("csv"), sick, patient]) }), "/readyz");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      ready: false,
      sinks: {
        csv: { ready: true },
        kafka: { ready: false, state: "suspended", reason: "wrong password", nextTry: "2024-05-01T12:30:00.000Z" },
        patient: { nextTry: null },
      },
    });
  });

  test("503 while the log is out of reach; /livez stays 200", async () => {
    const admin = await start({ status: () => fakeStatus([fakeSink("csv")], { logError: "refused" }) });
    expect((await get(admin, "/readyz")).status).toBe(503);
    expect((await get(admin, "/livez")).status).toBe(200);
  });
});

describe("/metrics", () => {
  test("is computed from the status at each scrape", async () => {
    let delivered = 5;
    const admin = await start({ status: () => fakeStatus([fakeSink("csv", { delivered })]) });
    const scrape = async () => (await get(admin, "/metrics")).text();
    expect(await scrape()).toContain('sluice_sink_delivered_records_total{sink="csv"} 5\n');
    delivered = 9;
    const text = await scrape();
    expect(text).toContain('sluice_sink_delivered_records_total{sink="csv"} 9\n');
    expect(text).toContain('sluice_build_info{version="1.2.3"} 1\n');
    expect(text).toContain('sluice_claimed_records_total{list="analytics-tyk-system-analytics"} 10\n');
    expect(text).toContain('sluice_sink_state{sink="csv",state="open"} 1\n');
    expect(text.match(/(?<=sluice_sink_state.*state=")\w+/g)).toEqual(
      "starting opening open draining restarting suspended stopped".split(" "),
    );
    expect(text).toContain('sluice_sink_cpu_seconds_total{sink="csv"} 0.5\n');
    expect(text).toContain("# TYPE process_resident_memory_bytes gauge");
  });

  test("latency is a Prometheus histogram", async () => {
    const counts = [2, 2, 2, ...new Array(12).fill(3), 4];
    const sink = fakeSink("csv", { latency: { counts, sumMs: 90_000, count: 4 } });
    const text = await (await get(await start({ status: () => fakeStatus([sink]) }), "/metrics")).text();
    expect(text).toContain("# TYPE sluice_batch_duration_seconds histogram");
    for (const [le, value] of Object.entries({ "0.001": 2, "0.005": 2, "0.01": 3, "60": 3, "+Inf": 4 })) {
      expect(text).toContain(`sluice_batch_duration_seconds_bucket{sink="csv",le="${le}"} ${value}\n`);
    }
    expect(text).toContain('sluice_batch_duration_seconds_sum{sink="csv"} 90\n');
    expect(text).toContain('sluice_batch_duration_seconds_count{sink="csv"} 4\n');
  });

  test("a sink's name cannot break the format", async () => {
    const text = await (await get(await start({ status: () => fakeStatus([fakeSink('a"\n\\b')]) }), "/metrics")).text();
    expect(text).toContain('sluice_sink_ready{sink="a\\"\\n\\\\b"} 1\n');
  });

  test("docs/metrics.md has every family with its type and help, and no other", async () => {
    const text = await (await get(await start(), "/metrics")).text();
    const helps = new Map([...text.matchAll(/^# HELP (sluice_\S+) (.*)$/gm)].map(([, name, help]) => [name!, help!]));
    const served = [...text.matchAll(/^# TYPE (sluice_\S+) (\S+)$/gm)].map(
      ([, name, type]) => `| \`${name}\` | ${type} | ${helps.get(name!)} |`,
    );
    const docs = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
    const rows = [...docs.matchAll(/^\| `(sluice_\S+)` \| (\S+) \| ([^|]*) \| (.*) \|$/gm)].map(
      ([, name, type, , help]) => `| \`${name}\` | ${type} | ${help} |`,
    );
    expect(rows.toSorted()).toEqual(served.toSorted());
  });
});

describe("hostile clients", () => {
  test("a header of 9 KiB is refused", async () => {
    const admin = await start();
    const response = await get(admin, "/health", { headers: { "x-big": "a".repeat(9 * 1024) } });
    expect(response.status).toBe(431);
  });

  test("a client that never ends its headers is cut off", async () => {
    const admin = await start();
    const started = Date.now();
    await new Promise<void>((resolve, reject) => {
      const socket = connect(admin.port, "127.0.0.1", () => socket.write("GET /health HTTP/1.1\r\nx: "));
      socket.on("close", () => resolve());
      socket.on("error", reject);
      socket.resume();
    });
    expect(Date.now() - started).toBeLessThan(12_000);
  });

  test("a broken status gives 500 and a log line, not an end", async () => {
    const admin = await start({
      status: () => {
        throw new Error("no status");
      },
    });
    expect((await get(admin, "/readyz")).status).toBe(500);
    expect(lines.at(-1)).toContain("no status");
    expect((await get(admin, "/livez")).status).toBe(200);
  });

  test("close ends open connections", async () => {
    const admin = await start();
    const socket = connect(admin.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await admin.close();
    await closed;
  });
});

test("a port in use is one clear error with a code", async () => {
  const { port } = await start();
  const error = await start({ port }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(AdminError);
  expect(error).toMatchObject({ code: ADMIN_ERROR_CODES.PortInUse });
  expect((error as Error).message).toContain(`127.0.0.1:${port}`);
});

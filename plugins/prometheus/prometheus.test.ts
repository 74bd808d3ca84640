import { once } from "node:events";
import { request } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type OpenSink, open, type SinkFailed, start } from "@sluice/sdk/testing";
import { afterEach, describe, expect, test } from "vitest";
import { freePort } from "../../test/support/redis.ts";
import prometheus from "./index.ts";
import { obfuscate } from "./labels.ts";

let sinks: OpenSink[] = [];
afterEach(async () => {
  for (const sink of sinks) await sink.close();
  sinks = [];
});

interface Running {
  sink: OpenSink;
  port: number;
  scrape(headers?: { [name: string]: string }): Promise<string>;
  /** The lines of one metric. */
  lines(metric: string): Promise<string[]>;
}

async function run(config: object = {}): Promise<Running> {
  const port = await freePort();
  const sink = await open(prometheus, { listen_address: `127.0.0.1:${port}`, ...config });
  sinks.push(sink);
  const scrape = async (headers = {}) => (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
  const lines = async (metric: string) =>
    (await scrape()).split("\n").filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `));
  return { sink, port, scrape, lines };
}

async function status(url: string): Promise<number> {
  const response = await fetch(url);
  await response.text();
  return response.status;
}

async function failure(config: object): Promise<string> {
  const error: SinkFailed = await open(prometheus, { listen_address: "127.0.0.1:0", ...config }).then(
    () => expect.fail("it opened"),
    (failed) => failed,
  );
  expect(error.error?.code).toBe("SLUICE_SINK_FATAL");
  return error.message;
}

async function deliver({ sink }: Running, ...records: object[]): Promise<void> {
  sink.deliver(records);
  await sink.settled();
}

const RECORD = {
  method: "GET",
  path: "/orders",
  responseCode: 200,
  apiId: "api1",
  apiName: "Orders",
  apiKey: "00000000",
  requestTime: 12,
  latencyTotal: 99,
  latencyUpstream: 10,
  latencyGateway: 2,
};

describe("what is exposed", () => {
  test("Tyk Pump's metrics of two records, as its library writes them", async () => {
    const running = await run();
    await deliver(running, RECORD, { ...RECORD, requestTime: 70, latencyUpstream: 60, latencyGateway: 10 });
    const text = await running.scrape();
    expect(text).toContain(`# HELP tyk_http_status HTTP status codes per API
# TYPE tyk_http_status counter
tyk_http_status{api="api1",code="200"} 2
# HELP tyk_http_status_per_key HTTP status codes per API key
# TYPE tyk_http_status_per_key counter
tyk_http_status_per_key{code="200",key="00000000"} 2
# HELP tyk_http_status_per_oauth_client HTTP status codes per oAuth client id
# TYPE tyk_http_status_per_oauth_client counter
tyk_http_status_per_oauth_client{client_id="",code="200"} 2
# HELP tyk_http_status_per_path HTTP status codes per API path and method
# TYPE tyk_http_status_per_path counter
tyk_http_status_per_path{api="api1",code="200",method="GET",path="unknown"} 2
# HELP tyk_latency Latency added by Tyk, Total Latency, upstream latency, and gateway latency per API
# TYPE tyk_latency histogram
tyk_latency_bucket{api="api1",type="total",le="1"} 0
`);
    for (const line of [
      'tyk_latency_bucket{api="api1",type="total",le="15"} 1',
      'tyk_latency_bucket{api="api1",type="total",le="60"} 1',
      'tyk_latency_bucket{api="api1",type="total",le="70"} 2',
      'tyk_latency_bucket{api="api1",type="total",le="+Inf"} 2',
      'tyk_latency_sum{api="api1",type="total"} 82',
      'tyk_latency_count{api="api1",type="total"} 2',
      'tyk_latency_sum{api="api1",type="upstream"} 70',
      'tyk_latency_sum{api="api1",type="gateway"} 12',
    ])
      expect(text).toContain(`${line}\n`);
  });

  test("nothing of a metric before its first sample, and the metrics of the process", async () => {
    const running = await run();
    const text = await running.scrape();
    expect(text).not.toMatch(/^tyk_/m);
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
    expect(value("process_cpu_seconds_total")).toBeGreaterThan(0);
    expect(value("process_resident_memory_bytes")).toBeGreaterThan(1e7);
    expect(Math.abs(value("process_start_time_seconds") - performance.timeOrigin / 1000)).toBeLessThan(2);
  });

  test("paths are unknown unless tracked, by the record or the configuration", async () => {
    const running = await run();
    await deliver(running, RECORD, { ...RECORD, trackPath: true });
    expect(await running.lines("tyk_http_status_per_path")).toEqual([
      'tyk_http_status_per_path{api="api1",code="200",method="GET",path="unknown"} 1',
      'tyk_http_status_per_path{api="api1",code="200",method="GET",path="/orders"} 1',
    ]);
    const all = await run({ track_all_paths: true });
    await deliver(all, RECORD);
    expect(await all.lines("tyk_http_status_per_path")).toEqual([
      'tyk_http_status_per_path{api="api1",code="200",method="GET",path="/orders"} 1',
    ]);
  });

  test("hostile values: quotes, line feeds, invalid UTF-8, what would run together, a number beyond 2^53", async () => {
    const running = await run({
      track_all_paths: true,
      custom_metrics: [
        { name: "pairs", metric_type: "counter", labels: ["alias", "host"] },
        { name: "times", metric_type: "counter", labels: ["request_time"] },
      ],
    });
    const bad = { ...RECORD, path: Buffer.from([0x2f, 0xff, 0xfe]), requestTime: 9007199254740993n };
    await deliver(
      running,
      { ...RECORD, path: 'a"b\\c\nd} 1\ntyk_http_status{}' },
      bad,
      { ...RECORD, alias: "a--b", host: "c" },
      { ...RECORD, alias: "a", host: "b--c" },
    );
    const paths = await running.lines("tyk_http_status_per_path");
    expect(paths[0]).toContain('path="a\\"b\\\\c\\nd} 1\\ntyk_http_status{}"} 1');
    expect(paths[1]).toContain('path="/\ufffd\ufffd"} 1');
    expect(await running.lines("pairs")).toEqual([
      'pairs{alias="",host=""} 2',
      'pairs{alias="a--b",host="c"} 1',
      'pairs{alias="a",host="b--c"} 1',
    ]);
    expect(await running.lines("times")).toContain('times{request_time="9007199254740993"} 1');
  });

  test("an API that is called like a type of duration", async () => {
    const running = await run();
    await deliver(running, { ...RECORD, apiId: "gateway" });
    expect(await running.lines("tyk_latency_sum")).toHaveLength(3);
    expect(await running.lines("tyk_latency_sum")).toContain('tyk_latency_sum{api="gateway",type="total"} 12');
  });

  test("aggregated observations: the whole mean of each batch", async () => {
    const running = await run({ aggregate_observations: true });
    await deliver(running, ...[60, 140, 100].map((requestTime) => ({ ...RECORD, requestTime })));
    expect(await running.lines("tyk_latency_sum")).toContain('tyk_latency_sum{api="api1",type="total"} 100');
    await deliver(running, ...[10, 15].map((requestTime) => ({ ...RECORD, requestTime })));
    expect(await running.lines("tyk_latency_sum")).toContain('tyk_latency_sum{api="api1",type="total"} 112');
    expect(await running.lines("tyk_latency_count")).toContain('tyk_latency_count{api="api1",type="total"} 2');
    expect(await running.lines("tyk_http_status")).toEqual(['tyk_http_status{api="api1",code="200"} 5']);
  });
});

describe("custom metrics", () => {
  test("counters, histograms with their own buckets, MCP only, keys obfuscated", async () => {
    const running = await run({
      custom_metrics: [
        { name: "keys_total", metric_type: "counter", labels: ["key", "api_id"], obfuscate_api_keys: true },
        {
          name: "time",
          help: "Time\nof requests",
          metric_type: "histogram",
          labels: ["api_name", "type"],
          buckets: [50, 5.5, 50],
        },
        { name: "mcp", metric_type: "counter", labels: ["mcp_method"], mcp_only: true },
        { name: "plain", metric_type: "counter" },
      ],
    });
    await deliver(
      running,
      RECORD,
      { ...RECORD, apiKey: "x" },
      { ...RECORD, isMcp: true, mcpJsonrpcMethod: "tools/call" },
    );
    expect(await running.lines("keys_total")).toEqual([
      'keys_total{api_id="api1",key="****0000"} 2',
      'keys_total{api_id="api1",key="--"} 1',
    ]);
    expect(await running.lines("time_bucket")).toEqual([
      'time_bucket{api_name="Orders",type="total",le="5.5"} 0',
      'time_bucket{api_name="Orders",type="total",le="50"} 3',
      'time_bucket{api_name="Orders",type="total",le="+Inf"} 3',
    ]);
    expect(await running.lines("mcp")).toEqual(['mcp{mcp_method="tools/call"} 1']);
    expect(await running.lines("plain")).toEqual(["plain 3"]);
    expect(await running.scrape()).toContain("# HELP time Time\\nof requests\n");
  });

  test("one may take the name of a base metric that is disabled, and tyk_latency keeps its three types", async () => {
    const running = await run({
      disabled_metrics: ["tyk_latency", "tyk_http_status", "unheard_of"],
      custom_metrics: [{ name: "tyk_latency", metric_type: "histogram", labels: ["org_id"] }],
    });
    await deliver(running, RECORD);
    expect(await running.lines("tyk_latency_sum")).toEqual([
      'tyk_latency_sum{org_id="",type="total"} 12',
      'tyk_latency_sum{org_id="",type="upstream"} 10',
      'tyk_latency_sum{org_id="",type="gateway"} 2',
    ]);
    expect(await running.lines("tyk_http_status")).toEqual([]);
  });

  test("one without a known metric_type is left out, and named", async () => {
    const running = await run({ custom_metrics: [{ name: "gone", metric_type: "gauge" }] });
    running.sink.clock.advance(1000);
    expect(running.sink.lines.map(({ message }) => message)).toContain(
      'The custom metric "gone" is left out: its metric_type is "gauge"; write "counter" or "histogram".',
    );
  });

  test.each([
    [{ name: "a-b", metric_type: "counter" }, '"a-b" has no valid name'],
    [{ metric_type: "counter" }, "custom_metrics[0] has no valid name"],
    [
      { name: "a", metric_type: "counter", labels: ["api", "nope\n"] },
      '"a" has the label "nope\\n", which does not exist',
    ],
    [{ name: "a", metric_type: "counter", labels: ["api", "api"] }, '"a" has the label api twice'],
    [{ name: "a", metric_type: "counter", labels: ["__proto__"] }, "does not exist"],
    [{ name: "a", metric_type: "histogram", buckets: Array.from({ length: 201 }, (_, i) => i) }, '"a" has 201 buckets'],
    [{ name: "tyk_http_status", metric_type: "counter" }, "Two metrics would be exposed as tyk_http_status"],
    [{ name: "tyk_latency_sum", metric_type: "counter" }, "Two metrics would be exposed as tyk_latency_sum"],
    [{ name: "process_cpu_seconds_total", metric_type: "counter" }, "process_cpu_seconds_total"],
  ])("%j is refused", async (metric, message) => {
    expect(await failure({ custom_metrics: [metric] })).toContain(message);
  });

  test("of a key as many bytes of the end as asked for", () => {
    expect(obfuscate("abcdefgh", 4)).toBe("****efgh");
    expect(obfuscate("abcd", 4)).toBe("--");
    expect(obfuscate("", 4)).toBe("--");
    expect(obfuscate("abcdefgh", 2)).toBe("****gh");
    expect(obfuscate("ключ", 4)).toBe("****юч");
  });
});

test("past max_series only known label values are counted, the rest is counted as dropped and said once", async () => {
  const running = await run({ max_series: 100, track_all_paths: true });
  const paths = Array.from({ length: 150 }, (_, i) => ({ ...RECORD, path: `/${i}` }));
  await deliver(running, ...paths);
  await deliver(running, ...paths);
  expect(await running.lines("tyk_http_status_per_path")).toHaveLength(100);
  expect(await running.lines("tyk_http_status_per_path")).toContain(
    'tyk_http_status_per_path{api="api1",code="200",method="GET",path="/99"} 2',
  );
  expect(await running.lines("tyk_http_status")).toEqual(['tyk_http_status{api="api1",code="200"} 300']);
  const dropped = await running.lines("sluice_prometheus_dropped_observations_total");
  expect(dropped).toContain('sluice_prometheus_dropped_observations_total{metric="tyk_http_status_per_path"} 100');
  expect(dropped).toContain('sluice_prometheus_dropped_observations_total{metric="tyk_http_status"} 0');
  running.sink.clock.advance(1000);
  expect(running.sink.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
});

describe("the endpoint", () => {
  test("only its path answers, gzip on request", async () => {
    const { port } = await run({ path: "custom" });
    const found = await fetch(`http://127.0.0.1:${port}/custom?x=1`);
    expect([found.status, found.headers.get("content-type"), found.headers.get("content-encoding")]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
      "gzip",
    ]);
    expect(await found.text()).toContain("process_cpu_seconds_total");
    expect(await status(`http://127.0.0.1:${port}/custom/`)).toBe(404);
    expect(await status(`http://127.0.0.1:${port}/debug/pprof/`)).toBe(404);
    const plain = await fetch(`http://127.0.0.1:${port}/custom`, { headers: { "accept-encoding": "gzip;q=0, br" } });
    expect(plain.headers.get("content-encoding")).toBe(null);
    await plain.text();
    const below = await run({ path: "/m/" });
    expect(await status(`http://127.0.0.1:${below.port}/m/anything`)).toBe(200);
  });

  test("a port in use is tried again until it is free; the message names it", async () => {
    const other: Server = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const sink = start(prometheus, { listen_address: `127.0.0.1:${port}` });
    sinks.push(sink);
    await sink.retrying();
    expect(sink.waiting?.error?.message).toContain(`127.0.0.1:${port} is in use`);
    other.close();
    await once(other, "close");
    sink.clock.advance(60_000);
    await sink.opened();
    expect(await status(`http://127.0.0.1:${port}/metrics`)).toBe(200);
  });

  test("a check says what would be served, beside a sink that runs already too", async () => {
    const { port } = await run();
    const free = await freePort();
    const look = (config: object) => {
      const full = { path: "m", disabled_metrics: [], custom_metrics: [], ...config };
      return prometheus.check!({ config: full, log: { error: () => undefined } } as never);
    };
    expect(await look({ listen_address: `127.0.0.1:${free}` })).toBe(`5 metrics on 127.0.0.1:${free}/m`);
    expect(await look({ listen_address: `127.0.0.1:${port}` })).toContain("where something listens now");
    await expect(look({ listen_address: "x" })).rejects.toThrow("write host:port");
    const bad = [{ name: "a-b", metric_type: "counter" }];
    await expect(look({ listen_address: "127.0.0.1:0", custom_metrics: bad })).rejects.toThrow("no valid name");
  });

  test.each(["localhost", "8080", "a:b", "1.2.3.4:70000", "::1:80"])("the address %j is refused", async (address) => {
    expect(await failure({ listen_address: address })).toContain(`listen_address is "${address}"`);
  });

  test("an IPv6 address", async () => {
    const port = await freePort();
    sinks.push(await open(prometheus, { listen_address: `[::1]:${port}` }));
    expect(await status(`http://[::1]:${port}/metrics`)).toBe(200);
  });

  test("a scrape is answered whole while the sink closes, and the port is free afterwards", async () => {
    const running = await run({ track_all_paths: true });
    for (let i = 0; i < 20; i++)
      await deliver(
        running,
        ...Array.from({ length: 1000 }, (_, at) => ({ ...RECORD, path: `/${i}/${at}/${"x".repeat(500)}` })),
      );
    const [response] = await once(request({ port: running.port, path: "/metrics" }).end(), "response");
    sinks = [];
    const closed = running.sink.close();
    let text = "";
    for await (const piece of response.setEncoding("utf8")) text += piece;
    await closed;
    expect(text.match(/^tyk_http_status_per_path\{/gm)).toHaveLength(20_000);
    expect(text).toMatch(/tyk_latency_count\{.*\} 20000\n$/);
    await expect(fetch(`http://127.0.0.1:${running.port}/metrics`)).rejects.toThrow();
  });

  test("readers that do not read: some are served, the others are told to come again, and closing does not wait for them", async () => {
    const running = await run({ track_all_paths: true });
    for (let i = 0; i < 20; i++)
      await deliver(
        running,
        ...Array.from({ length: 1000 }, (_, at) => ({ ...RECORD, path: `/${i}/${at}/${"x".repeat(900)}` })),
      );
    const sockets: Socket[] = [];
    for (let i = 0; i < 4; i++) {
      const socket = connect(running.port, "127.0.0.1").pause();
      socket.on("error", () => undefined);
      sockets.push(socket);
      socket.write("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
      await once(socket, "readable");
    }
    const refused = await fetch(`http://127.0.0.1:${running.port}/metrics`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    sinks = [];
    const began = performance.now();
    await running.sink.close();
    expect(performance.now() - began).toBeLessThan(2900);
    for (const socket of sockets) socket.destroy();
  });
});

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import { createLogger } from "../logging/logger.ts";
import { type Delivery, deliveries } from "../supervisor/deliveries.ts";
import { LATENCY_BOUNDS_MS } from "../supervisor/status.ts";
import { type Otlp, startOtlp } from "./otlp.ts";

interface Request {
  path: string;
  headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of a protocol whose parts are looked at one by one
  body: any;
}

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Takes what a receiver of OTLP/HTTP takes, and nothing else. */
async function receiver(status = 200): Promise<{ endpoint: string; requests: Request[] }> {
  const requests: Request[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const known = request.method === "POST" && /^\/v1\/(metrics|traces)$/.test(request.url ?? "");
    if (!known || request.headers["content-type"] !== "application/json") response.writeHead(400).end();
    else {
      requests.push({
        path: request.url!,
        headers: request.headers,
        body: JSON.parse(Buffer.concat(chunks).toString()),
      });
      response.writeHead(status, { "Content-Type": "application/json" }).end("{}");
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const lines: string[] = [];
const logger = createLogger({ level: "warn", format: "text", write: (line) => lines.push(line) });

function start(endpoint: string, traceEvery = 0): Otlp {
  const counts = LATENCY_BOUNDS_MS.map((_, i) => i + 1);
  const csv = fakeSink("csv", { latency: { counts: [...counts, counts.length], sumMs: 30, count: counts.length } });
  const config = { endpoint, headers: { "x-key": "k" }, intervalMs: 60_000, traceEvery };
  return startOtlp({ config, status: () => fakeStatus([csv]), version: "1", logger });
}

const delivery: Delivery = {
  ...{ sink: "csv", list: "list", chunk: "1-0.a", from: 0, to: 100, bytes: 1000, rejected: 1 },
  ...{ sentAt: performance.now() - 20, settledAt: performance.now() },
};

test("metrics arrive under the names and labels of /metrics, totals from the start of the process on", async () => {
  const { endpoint, requests } = await receiver();
  await start(endpoint).stop();
  expect(requests.map(({ path, headers }) => [path, headers["x-key"]])).toEqual([["/v1/metrics", "k"]]);
  const [{ resource, scopeMetrics }] = requests[0]!.body.resourceMetrics;
  expect(resource.attributes).toContainEqual({ key: "service.name", value: { stringValue: "sluice" } });
  // biome-ignore lint/suspicious/noExplicitAny: as above
  const metrics = new Map<string, any>(
    scopeMetrics[0].metrics.map((metric: { name: string }) => [metric.name, metric]),
  );
  const { sum } = metrics.get("sluice_sink_delivered_records_total");
  expect(sum).toMatchObject({ isMonotonic: true, aggregationTemporality: 2 });
  expect(sum.dataPoints[0]).toMatchObject({
    asDouble: 10,
    attributes: [{ key: "sink", value: { stringValue: "csv" } }],
    startTimeUnixNano: "1700000000000000000",
  });
  expect(metrics.get("sluice_live_records").gauge.dataPoints[0]).toMatchObject({ asDouble: 3 });
  const { histogram } = metrics.get("sluice_batch_duration_seconds");
  expect(histogram.dataPoints[0]).toMatchObject({
    count: LATENCY_BOUNDS_MS.length,
    sum: 0.03,
    explicitBounds: LATENCY_BOUNDS_MS.map((ms) => ms / 1000),
    bucketCounts: [...LATENCY_BOUNDS_MS.map(() => 1), 0],
  });
});

test("one of so many deliveries is a span, from hand-over to settlement", async () => {
  const { endpoint, requests } = await receiver();
  const otlp = start(endpoint, 2);
  for (let i = 0; i < 4; i++) deliveries.publish(delivery);
  await otlp.stop();
  const spans = requests
    .filter(({ path }) => path === "/v1/traces")
    .flatMap(({ body }) => body.resourceSpans[0].scopeSpans[0].spans);
  expect(spans).toHaveLength(2);
  const { name, startTimeUnixNano, endTimeUnixNano, attributes } = spans[0];
  expect(name).toBe("deliver");
  expect(Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6).toBeCloseTo(
    delivery.settledAt - delivery.sentAt,
    0,
  );
  expect(Math.abs(Number(BigInt(endTimeUnixNano) / 1_000_000n) - Date.now())).toBeLessThan(60_000);
  expect(attributes).toContainEqual({ key: "sluice.records", value: { intValue: 100 } });
  expect(deliveries.hasSubscribers).toBe(false);
});

test("a receiver that refuses or is away is a warning, and no stop takes long", async () => {
  const { endpoint } = await receiver(400);
  await start(endpoint).stop();
  expect(lines.join("")).toMatch(/level=warn.*OpenTelemetry: \w+: metrics export failed/);
  expect(lines.join("")).not.toMatch(/\bat \w+|stack/);
  const began = performance.now();
  await start("http://127.0.0.1:1", 1).stop();
  expect(performance.now() - began).toBeLessThan(20_000);
});

import { type Attributes, DiagLogLevel, diag, SpanKind } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { OtlpConfig } from "../config/config.ts";
import type { Logger } from "../logging/logger.ts";
import { type Delivery, deliveries } from "../supervisor/deliveries.ts";
import type { Status } from "../supervisor/status.ts";
import { metricProducer } from "./otlp-metrics.ts";

/** A receiver that does not answer must not hold up a stop, ms. */
const EXPORT_MS = 2000;
/** Spans that wait to be sent; more are dropped. */
const MOST_SPANS = 2048;

export interface Otlp {
  /** Sends what is left, as far as the receiver takes it. */
  stop(): Promise<void>;
}

export interface OtlpParts {
  config: OtlpConfig;
  status: () => Status;
  version: string;
  logger: Logger;
}

/** Sends metrics, and a span for one of so many deliveries, to an OpenTelemetry receiver over OTLP/HTTP with JSON. */
export function startOtlp({ config, status, version, logger }: OtlpParts): Otlp {
  const { endpoint, headers, intervalMs, traceEvery } = config;
  // The SDK has one log for the whole process.
  const say = (message: string) => logger.warn(`OpenTelemetry: ${sentenceOf(message)}`);
  diag.setLogger({ error: say, warn: say, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const resource = resourceFromAttributes({ "service.name": "sluice", "service.version": version });
  const to = (path: string) => ({ url: `${endpoint}/v1/${path}`, headers, timeoutMillis: EXPORT_MS });

  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(to("metrics")),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(EXPORT_MS, intervalMs),
    metricProducers: [metricProducer(status)],
  });
  const meters = new MeterProvider({ resource, readers: [reader] });
  const stopTracing = traceEvery > 0 ? trace() : async () => {};

  function trace(): () => Promise<void> {
    const processor = new BatchSpanProcessor(new OTLPTraceExporter(to("traces")), {
      maxQueueSize: MOST_SPANS,
      exportTimeoutMillis: EXPORT_MS,
    });
    const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
    const tracer = provider.getTracer("sluice", version);
    let seen = 0;
    const onDelivery = (message: unknown) => {
      if (seen++ % traceEvery !== 0) return;
      const delivery = message as Delivery;
      const startTime = performance.timeOrigin + delivery.sentAt;
      const span = tracer.startSpan("deliver", {
        kind: SpanKind.PRODUCER,
        startTime,
        attributes: attributesOf(delivery),
      });
      span.end(performance.timeOrigin + delivery.settledAt);
    };
    deliveries.subscribe(onDelivery);
    return async () => {
      deliveries.unsubscribe(onDelivery);
      await provider.shutdown();
    };
  }

  return {
    async stop() {
      const ended = await Promise.allSettled([meters.shutdown(), stopTracing()]);
      for (const end of ended) {
        if (end.status === "rejected") logger.warn("The last telemetry was not sent", { error: end.reason });
      }
      diag.disable();
    },
  };
}

/** Of an error the SDK says all properties, its stack among them, as JSON. */
function sentenceOf(text: string): string {
  try {
    const { message } = JSON.parse(text);
    return typeof message === "string" ? message : text;
  } catch {
    return text;
  }
}

function attributesOf({ sink, list, chunk, from, to, bytes, rejected }: Delivery): Attributes {
  return {
    "sluice.sink": sink,
    "sluice.list": list,
    "sluice.chunk": chunk,
    "sluice.records": to - from,
    "sluice.bytes": bytes,
    "sluice.dead_letters": rejected,
  };
}

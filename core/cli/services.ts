import { isDeepStrictEqual } from "node:util";
import type { Config } from "../config/config.ts";
import type { DeliveryLog } from "../log/log.ts";
import type { Logger } from "../logging/logger.ts";
import { oneAtATime } from "../supervisor/one-at-a-time.ts";
import type { Status, UptimeStatus } from "../supervisor/status.ts";
import type { Otlp } from "../telemetry/otlp.ts";
import type { Statsd } from "../telemetry/statsd.ts";
import type { Tester } from "../uptime/tester.ts";
import { version } from "./version.ts";

export interface Services {
  /** Starts what is configured, and stops what is not, or otherwise, any more. */
  fit(config: Config): Promise<void>;
  uptime(): UptimeStatus | undefined;
  stop(): Promise<void>;
}

export interface ServicesParts {
  log: DeliveryLog;
  status: () => Status;
  logger: Logger;
}

/** What runs beside the pump where it is configured: tests of services, statistics. Each is loaded when it is needed. */
export function createServices({ log, status, logger }: ServicesParts): Services {
  const tester = slot(async (config: NonNullable<Config["uptime"]>): Promise<Tester> => {
    const { startTester } = await import("../uptime/tester.ts");
    return startTester({ config, log: log.reports, logger: logger.child("uptime") });
  });
  const statsd = slot(async (config: NonNullable<Config["statsd"]>): Promise<Statsd> => {
    const { startStatsd } = await import("../telemetry/statsd.ts");
    return startStatsd({ config, status, logger: logger.child("statsd") });
  });
  const otlp = slot(async (config: NonNullable<Config["otlp"]>): Promise<Otlp> => {
    const { startOtlp } = await import("../telemetry/otlp.ts");
    return startOtlp({ config, status, version: version(), logger: logger.child("otlp") });
  });
  return {
    async fit(config) {
      await tester.fit(config.uptime);
      await statsd.fit(config.statsd);
      await otlp.fit(config.otlp);
    },
    uptime: () => tester.running?.status(),
    async stop() {
      await Promise.all([tester.fit(null), statsd.fit(null), otlp.fit(null)]);
    },
  };
}

/** One service, which runs while it has a configuration. Calls of `fit` wait for each other. */
export function slot<C, S extends { stop(): Promise<void> }>(start: (config: C) => Promise<S>) {
  /** Of what runs: what did not start is tried again at the next fit. */
  let present: C | null = null;
  const slot = {
    running: null as S | null,
    fit: oneAtATime(change),
  };

  async function change(config: C | null): Promise<void> {
    if (isDeepStrictEqual(config, present)) return;
    const former = slot.running;
    slot.running = null;
    present = null;
    await former?.stop();
    if (config === null) return;
    slot.running = await start(config);
    present = config;
  }

  return slot;
}

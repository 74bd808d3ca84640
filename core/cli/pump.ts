import type { Config } from "../config/config.ts";
import { serviceManager } from "../daemon/service-manager.ts";
import type { Logger } from "../logging/logger.ts";
import { EXIT } from "./errors.ts";
import type { Parts } from "./parts.ts";
import { createRates } from "./rates.ts";
import { type Running, run } from "./run.ts";
import { watchSignals } from "./signals.ts";
import { version } from "./version.ts";
import { statusLine } from "./view.ts";

const STATUS_MS = 10_000;

/** The real thing: runs until a signal. */
export async function pump({
  config,
  configuration,
  parts,
  logger,
}: {
  config: Config;
  /** Where it was read from; null: variables and defaults alone. */
  configuration: string | null;
  parts: Parts;
  logger: Logger;
}): Promise<number> {
  const signals = watchSignals((message) => logger.warn(message));
  const manager = serviceManager({ warn: logger.child("systemd").warn });
  logger.info(`## Sluice, ${version()} ##`);
  const log = await parts.createLog(config, logger);
  const control = { configuration, stop: () => process.kill(process.pid, "SIGTERM") };
  const running = await run({ config, log, parts, logger, control });
  manager.running(running);
  const timer = reportStatus(running, logger);
  const signal = await signals.received;
  clearInterval(timer);
  manager.stopping();
  logger.info(`${signal}: stopping`);
  await running.stop();
  return EXIT.ok;
}

/** One line every 10 s while there is something to say: records that moved, or a sink that does not take any. */
function reportStatus(running: Running, logger: Logger): NodeJS.Timeout {
  const rates = createRates();
  let before = 0;
  return setInterval(() => {
    const status = running.status();
    const line = statusLine(status, rates.update(status, performance.now()));
    const delivered = status.sinks.reduce((sum, sink) => sum + sink.delivered, 0);
    const well = status.logError === null && status.sinks.every((sink) => sink.ready);
    if (delivered !== before || !well) logger.info(line);
    before = delivered;
  }, STATUS_MS);
}

import type { Config } from "../config/config.ts";
import { watchSecrets } from "../config/secrets/rotation.ts";
import type { Secrets } from "../config/secrets/secrets.ts";
import { watchFile } from "../config/watch-file.ts";
import type { Reloaded } from "../control/control.ts";
import { serviceManager } from "../daemon/service-manager.ts";
import type { Logger } from "../logging/logger.ts";
import { CommandError, EXIT } from "./errors.ts";
import { holdHangups, onHangup } from "./hangup.ts";
import type { Parts } from "./parts.ts";
import { createRates } from "./rates.ts";
import { createReload, type ReloadParts } from "./reload.ts";
import { type Running, run } from "./run.ts";
import { watchSignals } from "./signals.ts";
import { version } from "./version.ts";
import { statusLine } from "./view.ts";

const STATUS_MS = 10_000;

export interface PumpOptions {
  config: Config;
  /** Where it was read from; null: variables and defaults alone. */
  configuration: string | null;
  /** For a reload. */
  read: ReloadParts["read"];
  taken?: ReloadParts["taken"];
  /** Those that it refers to. */
  secrets?: Secrets;
  parts: Parts;
  logger: Logger;
}

/** The real thing: runs until a signal; SIGHUP reads the configuration again. */
export async function pump(options: PumpOptions): Promise<number> {
  const { config, configuration, read, taken, secrets, parts, logger } = options;
  holdHangups();
  const signals = watchSignals((message) => logger.warn(message));
  const manager = serviceManager({ warn: logger.child("systemd").warn });
  let reload = async (): Promise<Reloaded> => Promise.reject(new CommandError("The pump is still starting."));
  logger.info(`## Sluice, ${version()} ##`);
  const log = await parts.createLog(config, logger);
  const control = { configuration, stop: signals.ask, reload: () => reload() };
  const running = await run({ config, log, parts, logger, control });
  manager.running(running);
  const change = createReload({ read, running, taken, logger });
  reload = () => manager.reloading(change);
  // What it says of its end is in the log.
  const reloadSoon = () => void reload().catch(() => {});
  onHangup(reloadSoon);
  const unwatched = (error: unknown) => {
    logger.warn(
      `${configuration} cannot be watched (sluice.reload.watch): a change takes SIGHUP or sluice daemon reload. Let the pump read its folder, or raise fs.inotify.max_user_instances and max_user_watches.`,
      { error },
    );
  };
  const onRotated = async () => void (await reload());
  const ends = [
    ...(secrets ? [watchSecrets({ secrets, everyMs: config.secretsRefreshMs, logger, onRotated })] : []),
    ...(config.watch && configuration !== null ? [watchFile(configuration, reloadSoon, unwatched)] : []),
  ];
  const timer = reportStatus(running, logger);
  const signal = await signals.received;
  clearInterval(timer);
  // SIGHUP goes on being taken: else it would end the process at once.
  reload = async () => Promise.reject(new CommandError("The pump is stopping."));
  for (const end of ends) end();
  const told = manager.stopping();
  logger.info(`${signal}: stopping`);
  await running.stop();
  await told;
  return EXIT.ok;
}

/** One line every 10 s while there is something to say: records that moved, or a sink that does not take any. */
function reportStatus(running: Running, logger: Logger): NodeJS.Timeout {
  const rates = createRates();
  rates.update(running.status(), performance.now());
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

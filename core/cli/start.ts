import type { Config } from "../config/config.ts";
import type { Daemon } from "../daemon/run.ts";
import { describeError, errorCode } from "../logging/index.ts";
import { configurationFile, loggerFor, readConfiguration, reportProblems } from "./configuration.ts";
import { EXIT } from "./errors.ts";
import { endOnHangup } from "./hangup.ts";
import type { Parts } from "./parts.ts";
import type { StartOptions } from "./program.ts";
import { realParts } from "./wiring.ts";

/**
 * `sluice start`: the pump, the demonstration where nothing is configured, or Tyk Pump's demo data. `daemon` takes the log's
 * lines; default standard error.
 */
export async function start(options: StartOptions, parts: Parts = realParts, daemon?: Daemon): Promise<number> {
  const loaded = await readConfiguration(options);
  const fromVariable = process.env.TYK_PMP_BUILDDEMODATA;
  const org = fromVariable || options.demo;
  if (loaded.demo && !org) {
    const { demoPump } = await import("./demo-pump.ts");
    endOnHangup();
    return demoPump({ loaded, parts, rate: options.rate, debug: options.debug === true });
  }
  const logger = loggerFor(loaded.config, { secrets: loaded.hidden, ...(daemon && { write: daemon.write }) });
  if (!reportProblems(loaded, logger)) {
    logger.fatal("Not started: see the errors above");
    return EXIT.failed;
  }
  if (fromVariable) logger.warn("Demo mode active via environment variable");
  const { config } = loaded;
  try {
    if (org) {
      const { demoData } = await import("./demo-data.ts");
      endOnHangup();
      return await demoData({ config, parts, logger, options: { ...options, demo: org } });
    }
    const { pump } = await import("./pump.ts");
    const { secrets } = loaded;
    const read = async () => {
      await secrets.refresh((text, { message, mend }) => {
        logger.warn(`${text} cannot be read again, and keeps its value: ${message} ${mend}`);
      });
      return readConfiguration(options, secrets);
    };
    const configuration = configurationFile(options.conf);
    const taken = (next: Config) => daemon?.stopsWithin(next.stopMs);
    return await pump({ config, configuration, read, taken, secrets, parts, logger });
  } catch (error) {
    const stack = options.debug === true && error instanceof Error ? { stack: error.stack } : {};
    logger.fatal(describeError(error), { code: errorCode(error), ...stack });
    return EXIT.failed;
  } finally {
    logger.flush();
  }
}

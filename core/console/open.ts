import { isIP } from "node:net";
import type { ConsoleConfig } from "../config/config.ts";
import type { Control } from "../control/control.ts";
import { ControlError } from "../control/errors.ts";
import { type Instance, instanceOf } from "../control/instance.ts";
import { controlRoutes } from "../control/routes.ts";
import type { Logger } from "../logging/logger.ts";
import { type Address, readAddress, writeAddress } from "./address.ts";
import { ConsoleError } from "./errors.ts";
import { type Console, startConsole } from "./server.ts";
import { newToken } from "./token.ts";

export interface OpenOptions {
  /** Null: on a free port of the loopback interface, with a token of its own. */
  config: ConsoleConfig | null;
  control: Control;
  /** What the pump runs on. */
  configuration: string | null;
  logger: Logger;
}

/** The console of a pump, in its own process. Null: it cannot be served, and the log says why; the pump goes on without. */
export async function openConsole({ config, control, configuration, logger }: OpenOptions): Promise<Console | null> {
  const { host, port } = config ?? { host: "127.0.0.1", port: 0 };
  const instance = instanceOf(configuration);
  const { fetch } = controlRoutes(control, logger);
  try {
    // Not that of an earlier configuration, which somebody chose.
    const made = config === null || config.token !== "" ? null : readAddress(instance);
    const token = config?.token || made?.token || newToken();
    logger.hide([token]);
    const served = await startConsole({ host, port, token, api: (request) => fetch(request), logger });
    if (config !== null) {
      tell(instance, { pid: process.pid, url: served.url, token: config.token === "" ? token : "" }, logger);
      logger.info(`Serving the console on port ${served.port}; \`sluice console\` prints its address with the token`);
      if (!isLoopback(host)) {
        const mend = "put TLS in front of it";
        logger.warn(`The console can be reached from other machines, and does not encrypt: ${mend}`, { host });
      }
    }
    return served;
  } catch (error) {
    if (!(error instanceof ConsoleError || error instanceof ControlError)) throw error;
    logger.warn(`There is no console: ${error.message}`, { code: error.code, error: error.cause });
    return null;
  }
}

/** A folder that cannot be written, such as one on a full disk, costs the command its knowledge, and the pump nothing. */
function tell(instance: Instance, address: Address, logger: Logger): void {
  try {
    writeAddress(instance, address);
  } catch (error) {
    logger.warn("The address of the console cannot be written down: `sluice console` serves one of its own", { error });
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

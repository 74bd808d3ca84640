import type { Logger } from "../logging/logger.ts";
import type { Status } from "../supervisor/status.ts";
import { ADMIN_ERROR_CODES, AdminError } from "./errors.ts";
import { listen } from "./listen.ts";
import { createMetrics } from "./metrics.ts";
import { createRoutes } from "./routes.ts";

export interface AdminOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  endpoint: string;
  status: () => Status;
  /** Of the daemon, for `sluice_build_info`. */
  version: string;
  logger: Logger;
}

export interface Admin {
  /** Where it listens. */
  readonly port: number;
  /** Ends the server and all connections. */
  close(): Promise<void>;
}

/**
 * Serves health, readiness and metrics, and nothing else: whatever changes the daemon goes over its socket.
 * Throws AdminError when it cannot listen.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { host, port, endpoint, status, version, logger } = options;
  const name = endpoint.replace(/^\/+/, "");
  let metrics: (() => string) | undefined;
  const routes = createRoutes({
    endpoint: name,
    status,
    // What it measures of the process costs a little, and nothing until somebody asks.
    metrics: () => (metrics ??= createMetrics(status, version))(),
    logger,
  });
  const listener = await listen({ answer: routes, host, port }).catch((cause: NodeJS.ErrnoException) => {
    throw listenError(cause, host, port);
  });
  listener.server.on("error", (error) => logger.error("The health server had an error", { error }));
  logger.info(`Serving health check endpoint at http://localhost:${listener.port}/${name} ...`);
  return { port: listener.port, close: listener.close };
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): AdminError {
  const place = `${host === "" ? "*" : host}:${port}`;
  if (cause.code === "EADDRINUSE") {
    return new AdminError(
      ADMIN_ERROR_CODES.PortInUse,
      `The health endpoint cannot listen on ${place}: the port is in use. Stop what listens there, or set health_check_endpoint_port (TYK_PMP_HEALTHCHECKENDPOINTPORT) to a free port`,
      { cause },
    );
  }
  return new AdminError(
    ADMIN_ERROR_CODES.Listen,
    `The health endpoint cannot listen on ${place}: check health_check_endpoint_port, and that this user may listen there`,
    { cause },
  );
}

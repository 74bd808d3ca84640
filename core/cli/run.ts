import type { Admin } from "../admin/server.ts";
import type { Config } from "../config/config.ts";
import type { Console } from "../console/server.ts";
import type { Control, Reloaded } from "../control/control.ts";
import type { DeliveryLog } from "../log/log.ts";
import type { Logger } from "../logging/logger.ts";
import type { Status } from "../supervisor/status.ts";
import { atRestart } from "./at-restart.ts";
import type { ServedControl } from "./control.ts";
import { CommandError } from "./errors.ts";
import { formatCount, formatDuration } from "./format.ts";
import type { Parts } from "./parts.ts";
import { createServices } from "./services.ts";
import { version } from "./version.ts";

/** A pump that runs: log, supervisor and, where wanted, the health server. */
export interface Running {
  status(): Status;
  idle(): boolean;
  /** Measures lag and backlog now. */
  measure(): Promise<void>;
  /** Where health and metrics are served; null where they are not. */
  readonly port: number | null;
  /** Address of the console, with its token; null where none is served. */
  readonly console: string | null;
  /** What can be asked of it; null where nothing can. */
  readonly control: Control | null;
  /** Goes on with this configuration, as far as that can be without a restart. One change at a time. */
  change(config: Config): Promise<Reloaded>;
  /** Orderly: settles what is in hand within the configured time. Throws CommandError when even that hangs. */
  stop(): Promise<void>;
}

export interface RunOptions {
  config: Config;
  log: DeliveryLog;
  parts: Parts;
  logger: Logger;
  /** "free": a free port where the configured one is in use. Default "required". */
  health?: "required" | "free" | "none";
  /** Serves what can be asked of it on its socket. Absent: nothing can be. */
  control?: ControlOptions;
}

export interface ControlOptions {
  /** The file, absolute; null: variables and defaults alone. */
  configuration: string | null;
  /** As SIGTERM. */
  stop(): void;
  reload?: Control["reload"];
  /** Serves the console even where none is configured: on a free port of the loopback interface. */
  console?: boolean;
}

/** What the end of health connections may take, and more than the stop's own deadline. */
const CLOSING_MS = 5000;
/** Nothing is lost that a test of a service would not find again, and the last statistics are worth no longer wait. */
const SERVICES_MS = 3000;

/** Starts everything in the order in which it is needed; what was started is stopped again when a later part fails. */
export async function run(options: RunOptions): Promise<Running> {
  const { log, parts, logger, health = "required" } = options;
  let { config } = options;
  const pump = await parts.createPump({ config, log, logger });
  let admin: Admin | null = null;
  let served: ServedControl | null = null;
  let page: Console | null = null;
  const status = (): Status => {
    const uptime = services.uptime();
    return { ...pump.status(), ...(uptime && { uptime }) };
  };
  const services = createServices({ log, status, logger });

  async function change(next: Config): Promise<Reloaded> {
    const changes = await pump.change(next.sinks);
    await services.fit(next);
    if (next.log.engine === "redis") log.signIn(next.log);
    else if (next.log.redis) log.signIn(next.log.redis);
    logger.setLevel(next.logging.level);
    const restart = atRestart(config, next);
    config = {
      ...config,
      sinks: next.sinks,
      uptime: next.uptime,
      statsd: next.statsd,
      otlp: next.otlp,
      stopMs: next.stopMs,
    };
    return { ...changes, restart };
  }

  async function stop(): Promise<void> {
    const started = performance.now();
    await within(CLOSING_MS, page?.close() ?? Promise.resolve());
    // Before the pump: it closes the log.
    await within(SERVICES_MS, services.stop()).catch((error: unknown) => {
      logger.warn("The tests of services, or the statistics, were not stopped in order", { error });
    });
    const { released } = await within(config.stopMs + CLOSING_MS, pump.stop(config.stopMs));
    // Until here it can be seen what the stop waits for.
    await within(CLOSING_MS, Promise.all([admin?.close(), served?.close()]));
    const back = released > 0 ? `, ${formatCount(released)} records handed back for another delivery` : "";
    logger.info(`Stopped in ${formatDuration(performance.now() - started)}${back}`);
  }

  try {
    await pump.start();
    await services.fit(config);
    if (health !== "none") admin = await serve(config, health, status, logger);
    if (options.control) {
      const { openControl } = await import("./control.ts");
      const { crew, replay } = pump;
      const parts = { ...options.control, version: version(), status, crew, replay, log };
      served = await openControl(parts, logger.child("control"));
      if (config.console || options.control.console) {
        const { openConsole } = await import("../console/open.ts");
        const { configuration } = options.control;
        const more = { config: config.console ?? null, control: served.control, configuration };
        page = await openConsole({ ...more, logger: logger.child("console") });
      }
    }
  } catch (error) {
    await stop().catch((cause: unknown) => logger.warn("The stop after a failed start failed too", { error: cause }));
    throw error;
  }
  const { idle, measure } = pump;
  return {
    status,
    idle,
    measure,
    port: admin?.port ?? null,
    console: page?.url ?? null,
    control: served?.control ?? null,
    change,
    stop,
  };
}

async function serve(
  config: Config,
  health: "required" | "free",
  status: () => Status,
  logger: Logger,
): Promise<Admin> {
  const { startAdmin } = await import("../admin/server.ts");
  const options = { ...config.health, status, version: version(), logger: logger.child("server") };
  try {
    return await startAdmin(options);
  } catch (error) {
    if (health === "required") throw error;
    return await startAdmin({ ...options, port: 0 });
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new CommandError(
      `The stop took longer than ${formatDuration(ms)}; nothing is lost: what was in hand is delivered again`,
    );
    timer = setTimeout(reject, ms, error);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

import type { Config } from "../config/config.ts";
import type { Loaded } from "../config/load.ts";
import { type Problem, stopsTheStart } from "../config/problem.ts";
import type { Reloaded } from "../control/control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "../control/errors.ts";
import { describeError, type Logger } from "../logging/index.ts";
import { reportProblems, secretsOf } from "./configuration.ts";
import { plural } from "./format.ts";
import type { Running } from "./run.ts";

/** What a reading gives that a reload looks at. */
export type Reread = Pick<Loaded, "config" | "problems" | "hidden" | "demo">;

export interface ReloadParts {
  /** Reads the configuration and its secrets anew. */
  read(): Promise<Reread>;
  running: Pick<Running, "change" | "status">;
  /** Hears of the configuration that the pump goes on with. */
  taken?: ((config: Config) => void) | undefined;
  logger: Logger;
}

/**
 * Reads the configuration again and goes on with it. One at a time: who asks while one is under way gets the
 * answer of the next, which sees all that was written until then. Throws ControlError where the configuration is invalid, or
 * would end a sink that runs for an error of its own: then all goes on as it was.
 */
export function createReload(parts: ReloadParts): () => Promise<Reloaded> {
  let present: Promise<unknown> = Promise.resolve();
  let next: Promise<Reloaded> | null = null;
  return () => {
    next ??= present.then(() => {
      next = null;
      const reloading = reload(parts);
      present = reloading.catch((error: unknown) => {
        parts.logger.error(`Not reloaded: ${describeError(error)}`);
      });
      return reloading;
    });
    return next;
  };
}

async function reload({ read, running, taken, logger }: ReloadParts): Promise<Reloaded> {
  const loaded = await read();
  const { config, problems } = loaded;
  logger.hide([...loaded.hidden, ...secretsOf(config)]);
  reportProblems(loaded, logger);
  const names = new Set(running.status().sinks.map(({ name }) => name));
  const endsOne = ({ severity, sink }: Problem) => severity === "error" && sink !== undefined && names.has(sink);
  if (stopsTheStart(problems) || problems.some(endsOne) || loaded.demo) {
    const why = loaded.demo ? "Nothing is configured any more (is the file gone?)" : "The configuration has errors";
    throw new ControlError(
      CONTROL_ERROR_CODES.invalid,
      `${why}, and all goes on as it was. Correct it and reload again.`,
      { problems: problems.filter(({ severity }) => severity === "error") },
    );
  }
  const reloaded = await running.change(config);
  taken?.(config);
  logger.info(`Reloaded: ${summary(reloaded)}`);
  if (reloaded.restart.length > 0) {
    logger.warn(`Takes effect only after a restart: ${reloaded.restart.join("; ")}`);
  }
  return reloaded;
}

/** `csv replaced, kafka started, 3 sinks unchanged`. */
function summary({ started, stopped, replaced, unchanged }: Reloaded): string {
  const changes = Object.entries({ started, stopped, replaced }).filter(([, names]) => names.length > 0);
  const parts = changes.map(([what, names]) => `${names.join(", ")} ${what}`);
  return [...parts, `${unchanged.length} ${plural(unchanged.length, "sink")} unchanged`].join(", ");
}

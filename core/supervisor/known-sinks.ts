import type { DeliveryLog, SinkEntry } from "../log/log.ts";
import type { Logger } from "../logging/index.ts";

/** A sink that no instance has named for so long, while somebody looked, is nobody's: they say so each 10 s. */
export const ABSENT_MS = 60_000;
const TIDY_MS = 3600_000;

/** The sinks that the log keeps records for, and which of them nobody configures: their backlog only grows. */
export class KnownSinks {
  readonly #log: Pick<DeliveryLog, "sinks" | "tidy">;
  readonly #own: () => readonly SinkEntry[];
  readonly #logger: Logger;
  /** Not configured here -> since when it has not been said to be configured elsewhere, ms of the monotonic clock. */
  readonly #absent = new Map<string, { seen: number; since: number; lists: readonly string[] }>();
  #orphans: string[] = [];
  #tidyAt = 0;

  constructor(log: Pick<DeliveryLog, "sinks" | "tidy">, own: () => readonly SinkEntry[], logger: Logger) {
    this.#log = log;
    this.#own = own;
    this.#logger = logger;
  }

  /** Not configured here, but kept for in this list. */
  foreign(list: string): string[] {
    return [...this.#absent].flatMap(([name, { lists }]) => (lists.includes(list) ? [name] : []));
  }

  /** Configured nowhere. */
  get orphans(): string[] {
    return this.#orphans;
  }

  async look(now = performance.now()): Promise<void> {
    const own = new Set(this.#own().map(({ name }) => name));
    const foreign = (await this.#log.sinks()).filter(({ name }) => !own.has(name));
    const names = new Set(foreign.map(({ name }) => name));
    for (const name of this.#absent.keys()) if (!names.has(name)) this.#absent.delete(name);
    for (const { name, seen, lists } of foreign) {
      // Whether it was said again, not when: clocks differ, and nobody counts while all stand still.
      const before = this.#absent.get(name);
      this.#absent.set(name, { seen, lists, since: before?.seen === seen ? before.since : now });
    }
    const orphans = [...this.#absent].flatMap(([name, { since }]) => (now - since >= ABSENT_MS ? [name] : [])).sort();
    for (const name of orphans) {
      if (this.#orphans.includes(name)) continue;
      this.#logger.warn(
        `no instance configures the sink ${name}, but the log keeps everything for it: configure it again, ` +
          `or run "sluice sinks forget ${name}" or "sluice sinks rename ${name} <new name>"`,
      );
    }
    for (const name of this.#orphans) {
      if (!orphans.includes(name)) this.#logger.info(`the sink ${name} is no longer without an instance`);
    }
    this.#orphans = orphans;
    if (now < this.#tidyAt) return;
    this.#tidyAt = now + TIDY_MS;
    await this.#tidy();
  }

  /** Nothing depends on it, and the user may lack the rights. */
  async #tidy(): Promise<void> {
    try {
      const forgotten = await this.#log.tidy();
      if (forgotten > 0) this.#logger.info(`${forgotten} processes that are long gone were forgotten`);
    } catch (error) {
      this.#logger.debug("processes that are gone could not be forgotten", { error });
    }
  }
}

import type { Logger } from "../logging/index.ts";

/** The same trouble is logged again after this, ms. */
const REPEAT_MS = 30_000;

/** What is wrong with the log at the moment, by its lists: said when it begins, now and then, and when it is over. */
export class Troubles {
  readonly #logger: Logger;
  readonly #current = new Map<string, string>();
  /** By text: when the log goes away, all lists say the same. */
  readonly #said = new Map<string, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#current.set("the log", "the log is not open yet");
  }

  /** Null when all is well. */
  get first(): string | null {
    return this.#current.values().next().value ?? null;
  }

  failed(where: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#current.set(where, text);
    const now = performance.now();
    if (now - (this.#said.get(text) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return;
    this.#said.set(text, now);
    this.#logger.error(text, { where });
  }

  worked(where: string): void {
    if (!this.#current.delete(where)) return;
    if (this.#current.size === 0 && this.#said.size > 0) {
      this.#said.clear();
      this.#logger.info("the log is within reach again");
    }
  }
}

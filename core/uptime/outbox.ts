import type { ReportLog } from "../log/log.ts";
import type { Logger } from "../logging/index.ts";

/** Reports that wait for the log. */
const MOST_WAITING = 10_000;
/** A longer list is read by nobody: nothing more is added to it. */
const MOST_IN_LIST = 100_000;
const RETRY_MS = 1000;
const RECHECK_MS = 60_000;
const PAGE = 500;

/** Sends reports to the log in order. While it is away they wait, up to a limit; above it the newest are dropped, and counted. */
export class Outbox {
  dropped = 0;
  readonly #log: ReportLog;
  readonly #logger: Logger;
  #waiting: Uint8Array[] = [];
  #sending: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Nothing is sent before, ms of the monotonic clock. */
  #notBefore = 0;
  #full = false;
  #closed = false;

  constructor(log: ReportLog, logger: Logger) {
    this.#log = log;
    this.#logger = logger;
  }

  add(report: Uint8Array): void {
    if (this.#waiting.length >= MOST_WAITING || (this.#full && performance.now() < this.#notBefore)) {
      this.dropped++;
      return;
    }
    this.#waiting.push(report);
    this.#pump();
  }

  /** Sends what waits, once; what the log does not take then is dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#sending;
    await this.#send();
    this.dropped += this.#waiting.length;
    this.#waiting = [];
  }

  #pump(): void {
    if (this.#sending || this.#timer || performance.now() < this.#notBefore) return;
    this.#sending = this.#send().finally(() => {
      this.#sending = null;
    });
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const some = this.#waiting.slice(0, PAGE);
      try {
        const length = await this.#log.push(some);
        this.#waiting.splice(0, some.length);
        this.#judge(length);
        if (this.#full) return;
      } catch (error) {
        if (this.#closed) return;
        this.#logger.debug("uptime reports wait for the log", { error });
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.#pump();
        }, RETRY_MS);
        this.#timer.unref();
        return;
      }
    }
  }

  #judge(length: number): void {
    const full = length > MOST_IN_LIST;
    if (full && !this.#full) {
      this.#logger.warn(`nobody reads the uptime reports: ${length} wait in the list, no more are added`);
    }
    this.#full = full;
    if (!full) return;
    this.dropped += this.#waiting.length;
    this.#waiting = [];
    this.#notBefore = performance.now() + RECHECK_MS;
  }
}

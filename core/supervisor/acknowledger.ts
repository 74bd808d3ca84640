import type { ListLog } from "../log/log.ts";
import type { Holding } from "./holding.ts";

const RETRY_MS = 1000;

export interface AcknowledgerEvents {
  acknowledged(holdings: readonly Holding[]): void;
  failed(error: unknown): void;
  /** More dead letters than allowed. They are not stored, and the chunk is not acknowledged. */
  overflow(holding: Holding): void;
}

/**
 * Acknowledges finished chunks of one sink: first their dead letters are stored, then the chunk is done, never the
 * other way round. What the log does not take is tried again. Acknowledgements of one turn travel together.
 */
export class Acknowledger {
  readonly #sink: string;
  readonly #bound: { records: number; bytes: number };
  readonly #events: AcknowledgerEvents;
  #waiting = new Map<ListLog, Holding[]>();
  /** Under way to the log. */
  #sending: readonly Holding[] = [];
  #flushing: Promise<void> | null = null;
  #retry: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(sink: string, bound: { records: number; bytes: number }, events: AcknowledgerEvents) {
    this.#sink = sink;
    this.#bound = bound;
    this.#events = events;
  }

  /** Finished chunks whose acknowledgement is not yet known to have arrived. */
  get pending(): Holding[] {
    return [...this.#sending, ...[...this.#waiting.values()].flat()];
  }

  finished(holding: Holding): void {
    const list = this.#waiting.get(holding.list);
    if (list) list.push(holding);
    else this.#waiting.set(holding.list, [holding]);
    if (!this.#retry) void this.flush();
  }

  /** Resolves when all that was finished is acknowledged, or has failed once more. */
  async flush(): Promise<void> {
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
    while (this.#flushing) await this.#flushing;
    if (this.#waiting.size === 0) return;
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = null;
    });
    await this.#flushing;
    if (this.#waiting.size > 0 && !this.#retry && !this.#ended) void this.flush();
  }

  /** Tries nothing again by itself. */
  end(): void {
    if (this.#retry) clearTimeout(this.#retry);
    this.#ended = true;
  }

  async #flush(): Promise<void> {
    const batches = [...this.#waiting];
    this.#waiting.clear();
    this.#sending = batches.flatMap(([, holdings]) => holdings);
    await Promise.all(batches.map(([list, holdings]) => this.#acknowledge(list, holdings)));
    this.#sending = [];
  }

  async #acknowledge(list: ListLog, holdings: readonly Holding[]): Promise<void> {
    const ready: Holding[] = [];
    let looked = 0;
    try {
      for (const holding of holdings) {
        if (holding.letters.length === 0 || (await this.#store(list, holding))) ready.push(holding);
        else this.#events.overflow(holding);
        looked++;
      }
      const refs = ready.map(({ ref }) => ref);
      await list.ack(this.#sink, refs);
      this.#events.acknowledged(ready);
    } catch (error) {
      const since = this.#waiting.get(list) ?? [];
      this.#waiting.set(list, [...ready, ...holdings.slice(looked), ...since]);
      if (!this.#ended) this.#retry ??= setTimeout(() => void this.flush(), RETRY_MS);
      this.#events.failed(error);
    }
  }

  async #store(list: ListLog, holding: Holding): Promise<boolean> {
    const { records, bytes } = await list.letters(this.#sink);
    if (records + holding.letters.length > this.#bound.records || bytes > this.#bound.bytes) return false;
    await list.reject(this.#sink, holding.ref, holding.letters);
    holding.letters = [];
    return true;
  }
}

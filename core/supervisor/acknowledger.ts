import type { ListLog } from "../log/log.ts";
import { type Holding, unstored } from "./holding.ts";

const RETRY_MS = 1000;
/** A connection that was cut fails once. */
const STUCK_FAILURES = 2;
/** Acknowledgements of so many chunks of a list, or of so many ms, travel together. */
const TOGETHER = 4;
const GATHER_MS = 5;

export interface AcknowledgerEvents {
  acknowledged(holdings: readonly Holding[]): void;
  failed(error: unknown): void;
  /** More dead letters than allowed. They are not stored, and the chunk is not acknowledged. */
  overflow(holding: Holding): void;
}

/** What is finished of one list. */
interface Queue {
  waiting: Holding[];
  /** Under way to the log. */
  sending: readonly Holding[];
  flushing: Promise<void> | null;
  /** Until what was finished last is sent. */
  gathering: NodeJS.Timeout | null;
  /** The log did not take it: until the next try. */
  retry: NodeJS.Timeout | null;
  /** How often in a row it did not. */
  failures: number;
}

/**
 * Acknowledges finished chunks of one sink: first their dead letters are stored, then the chunk is done, never the
 * other way round. What the log does not take is tried again. Several of one list travel together; lists
 * may be on different servers, so that none waits for another.
 */
export class Acknowledger {
  readonly #sink: string;
  readonly #bound: { records: number; bytes: number };
  readonly #events: AcknowledgerEvents;
  readonly #queues = new Map<ListLog, Queue>();
  /** Letters on their way to the log, of chunks that are not finished. */
  readonly #early = new Map<Holding, Promise<boolean>>();
  #ended = false;

  constructor(sink: string, bound: { records: number; bytes: number }, events: AcknowledgerEvents) {
    this.#sink = sink;
    this.#bound = bound;
    this.#events = events;
  }

  /** Finished chunks whose acknowledgement is not yet known to have arrived. */
  get pending(): Holding[] {
    return [...this.#queues.values()].flatMap(({ sending, waiting }) => [...sending, ...waiting]);
  }

  /** How many of them the log did not take again and again. */
  get stuck(): number {
    let stuck = 0;
    for (const { failures, sending, waiting } of this.#queues.values()) {
      if (failures >= STUCK_FAILURES) stuck += sending.length + waiting.length;
    }
    return stuck;
  }

  finished(holding: Holding): void {
    const { list } = holding;
    let queue = this.#queues.get(list);
    if (queue === undefined) {
      queue = { waiting: [], sending: [], flushing: null, gathering: null, retry: null, failures: 0 };
      this.#queues.set(list, queue);
    }
    queue.waiting.push(holding);
    if (queue.retry !== null) return;
    if (queue.waiting.length >= TOGETHER) void this.#flush(list, queue);
    else queue.gathering ??= setTimeout(() => void this.#flush(list, queue), GATHER_MS);
  }

  /**
   * Stores the dead letters of a chunk that is not finished. What fails is tried again with its next ones, or when it is. False: there
   * are as many as are kept.
   */
  storeEarly(holding: Holding): Promise<boolean> {
    if (unstored(holding).length === 0) return this.#early.get(holding) ?? Promise.resolve(true);
    return this.#inTurn(holding, () => this.#store(holding));
  }

  /** Takes letters of records [from, to) back that were stored in doubt: they are tried again. What fails leaves a letter too many. */
  withdraw(holding: Holding, from: number, to: number): void {
    const taken = [...holding.letters.values()].filter(({ index }) => index >= from && index < to);
    if (taken.length === 0) return;
    for (const { index } of taken) holding.letters.delete(index);
    // Some may be on their way to the log just now.
    void this.#inTurn(holding, async () => {
      const ids = taken.flatMap(({ id }) => id || []);
      if (ids.length > 0) await holding.list.dropLetters(ids);
      return true;
    });
  }

  #inTurn(holding: Holding, work: () => Promise<boolean>): Promise<boolean> {
    const before = this.#early.get(holding) ?? Promise.resolve(true);
    const working = before
      .then(work)
      .catch((error) => {
        this.#events.failed(error);
        return true;
      })
      .finally(() => {
        if (this.#early.get(holding) === working) this.#early.delete(holding);
      });
    this.#early.set(holding, working);
    return working;
  }

  /** Stores those that it has now, and tries again what fails. False: there are as many as are kept, or `wanted` no longer says so. */
  async stored(holding: Holding, wanted: () => boolean): Promise<boolean> {
    const letters = [...holding.letters.values()];
    for (;;) {
      const room = await this.storeEarly(holding);
      if (letters.every(({ id }) => id !== null)) return true;
      if (!room) {
        if (wanted()) this.#events.overflow(holding);
        return false;
      }
      await new Promise<void>((resolve) => void setTimeout(resolve, RETRY_MS).unref());
      if (this.#ended || !wanted()) return false;
    }
  }

  /** Resolves when all letters of what is not finished are stored, or taken back, or that has failed once more. */
  async stores(): Promise<void> {
    await Promise.all(this.#early.values());
  }

  /** Resolves when all that was finished is acknowledged and all letters are stored, or has failed once more. */
  async flush(): Promise<void> {
    await Promise.all([this.stores(), ...[...this.#queues].map(([list, queue]) => this.#flush(list, queue))]);
  }

  /** Tries nothing again by itself. */
  end(): void {
    for (const queue of this.#queues.values()) stopTimers(queue);
    this.#ended = true;
  }

  async #flush(list: ListLog, queue: Queue): Promise<void> {
    stopTimers(queue);
    while (queue.flushing !== null) await queue.flushing;
    if (queue.waiting.length === 0) return;
    queue.flushing = this.#acknowledge(list, queue).finally(() => {
      queue.flushing = null;
    });
    await queue.flushing;
    if (queue.waiting.length > 0 && queue.retry === null && !this.#ended) void this.#flush(list, queue);
  }

  async #acknowledge(list: ListLog, queue: Queue): Promise<void> {
    const holdings = queue.waiting;
    queue.sending = holdings;
    queue.waiting = [];
    const ready: Holding[] = [];
    let looked = 0;
    try {
      for (const holding of holdings) {
        if (this.#early.size > 0) await this.#early.get(holding);
        if (await this.#store(holding)) ready.push(holding);
        else this.#events.overflow(holding);
        looked++;
      }
      const refs = ready.map(({ ref }) => ref);
      await list.ack(this.#sink, refs);
      queue.failures = 0;
      this.#events.acknowledged(ready);
    } catch (error) {
      queue.failures++;
      queue.waiting = [...ready, ...holdings.slice(looked), ...queue.waiting];
      if (!this.#ended) queue.retry = setTimeout(() => void this.#flush(list, queue), RETRY_MS);
      this.#events.failed(error);
    }
    queue.sending = [];
  }

  /** False: there are as many as are kept. */
  async #store(holding: Holding): Promise<boolean> {
    const more = unstored(holding);
    if (more.length === 0) return true;
    const { list, ref } = holding;
    const { records, bytes } = await list.letters(this.#sink);
    if (records + more.length > this.#bound.records || bytes > this.#bound.bytes) return false;
    const ids = await list.reject(this.#sink, ref, more);
    for (const [i, letter] of more.entries()) letter.id = ids[i]!;
    return true;
  }
}

function stopTimers(queue: Queue): void {
  if (queue.retry !== null) clearTimeout(queue.retry);
  if (queue.gathering !== null) clearTimeout(queue.gathering);
  queue.retry = null;
  queue.gathering = null;
}

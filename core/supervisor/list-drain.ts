import type { ListLog } from "../log/log.ts";
import type { Logger } from "../logging/index.ts";
import type { Sink } from "./sink.ts";
import type { ListStatus, SinkStatus } from "./status.ts";

/** A list that was empty for so long is looked at less often. */
const LONG_EMPTY_MS = 10_000;
const SLOW_POLL_MS = 1000;
const SWEEP_MS = 1000;
const LAG_MS = 1000;
const ERROR_PAUSE_MS = 1000;
const NO_LAG: SinkStatus["lag"] = { chunks: 0, records: 0, oldestMs: 0 };

export interface DrainHooks {
  failed(error: unknown): void;
  worked(): void;
}

/** Drains one list of the gateway: claims chunks, deals them out to the sinks that have credit, keeps their leases, sweeps. */
export class ListDrain {
  readonly list: ListLog;
  readonly #sinks: readonly Sink[];
  readonly #leaseMs: number;
  readonly #pollMs: number;
  readonly #logger: Logger;
  readonly #hooks: DrainHooks;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Sinks that may have unread chunks here. */
  #more = new Set<Sink>();
  #taking = false;
  #takeAgain = false;
  #stopped = false;
  #claimed = 0;
  #live = 0;
  #activeAt = performance.now();
  #lag = new Map<Sink, SinkStatus["lag"]>();
  #renewing: Promise<void> | null = null;

  constructor(
    list: ListLog,
    sinks: readonly Sink[],
    pace: { leaseMs: number; pollMs: number },
    logger: Logger,
    hooks: DrainHooks,
  ) {
    this.list = list;
    this.#sinks = sinks;
    this.#leaseMs = pace.leaseMs;
    this.#pollMs = pace.pollMs;
    this.#logger = logger;
    this.#hooks = hooks;
  }

  start(): void {
    void this.#claimLoop();
    this.#repeat(this.#leaseMs / 4, () => this.renew());
    this.#repeat(this.#leaseMs / 4, () => this.#takeOver());
    this.#repeat(SWEEP_MS, async () => {
      if (this.#awake()) await this.list.sweep();
    });
    this.#repeat(LAG_MS, async () => {
      if (this.#awake()) await this.measure();
    });
  }

  /** Takes nothing more. Leases are kept until `end`. */
  stop(): void {
    this.#stopped = true;
    this.#more.clear();
  }

  end(): void {
    this.stop();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Some sink has credit again. */
  take(): void {
    this.#takeAgain = true;
    if (this.#taking || this.#more.size === 0) return;
    this.#taking = true;
    void (async () => {
      while (this.#takeAgain && !this.#stopped) {
        this.#takeAgain = false;
        await this.#takeOnce();
      }
      this.#taking = false;
    })();
  }

  /** Renews the leases of all that is held of this list. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** Brings the lags up to date. */
  async measure(): Promise<void> {
    await Promise.all(
      this.#sinks.map(async (sink) => {
        const { live, ...lag } = await this.list.lag(sink.name);
        this.#live = live;
        this.#lag.set(sink, lag);
        if (live > 0 || lag.chunks > 0) this.#activeAt = performance.now();
      }),
    );
  }

  status(): ListStatus {
    return { name: this.list.name, claimed: this.#claimed, live: this.#live };
  }

  lag(sink: Sink): SinkStatus["lag"] {
    return this.#lag.get(sink) ?? NO_LAG;
  }

  #awake(): boolean {
    return performance.now() - this.#activeAt < LONG_EMPTY_MS;
  }

  async #claimLoop(): Promise<void> {
    while (!this.#stopped) {
      const began = performance.now();
      let pause = this.#awake() ? this.#pollMs : Math.max(this.#pollMs, SLOW_POLL_MS);
      try {
        const { claimed, left } = await this.list.claim();
        this.#hooks.worked();
        this.#claimed += claimed;
        this.#live = left;
        if (claimed > 0) this.#activeAt = performance.now();
        // A backlog is claimed at once where a sink waits for it; ahead of them, for half of the time at most: the
        // gateway needs its Redis too.
        if (left > 0) pause = this.#sinks.some((sink) => sink.credit() > 0) ? 0 : performance.now() - began;
      } catch (error) {
        this.#hooks.failed(error);
        pause = ERROR_PAUSE_MS;
      }
      // Other instances claim too: there may be chunks whether or not this claim found any.
      for (const sink of this.#sinks) this.#more.add(sink);
      this.take();
      await this.#sleep(pause);
    }
  }

  async #takeOnce(): Promise<void> {
    const requests: { sink: Sink; chunks: number }[] = [];
    for (const sink of this.#more) {
      const chunks = sink.credit();
      if (chunks <= 0) continue;
      sink.reserve(chunks);
      requests.push({ sink, chunks });
    }
    if (requests.length === 0) return;
    let taken = requests.map(() => [] as Awaited<ReturnType<ListLog["take"]>>[number]);
    try {
      taken = await this.list.take(requests.map(({ sink, chunks }) => ({ sink: sink.name, chunks })));
      this.#hooks.worked();
    } catch (error) {
      this.#hooks.failed(error);
      this.#more.clear();
    }
    for (const [i, { sink, chunks }] of requests.entries()) {
      const refs = taken[i]!;
      if (refs.length > 0) this.#activeAt = performance.now();
      if (refs.length < chunks) this.#more.delete(sink);
      sink.accept(this.list, refs, chunks);
      if (refs.length === chunks) this.#takeAgain = true;
    }
  }

  async #renew(): Promise<void> {
    for (const sink of this.#sinks) {
      const refs = sink.held(this.list);
      if (refs.length === 0) continue;
      const at = performance.now();
      const lost = await this.list.extend(sink.name, refs);
      if (lost.length > 0) {
        this.#logger.warn(`${lost.length} chunks of sink ${sink.name} were taken over by another instance`, {
          list: this.list.name,
        });
      }
      sink.renewed(refs, lost, at);
    }
  }

  async #takeOver(): Promise<void> {
    for (const sink of this.#sinks) {
      const chunks = this.#stopped ? 0 : sink.credit();
      if (chunks <= 0) continue;
      sink.reserve(chunks);
      let refs: Awaited<ReturnType<ListLog["takeover"]>> = [];
      try {
        refs = await this.list.takeover(sink.name, chunks);
      } finally {
        sink.accept(this.list, refs, chunks);
      }
      if (refs.length > 0)
        this.#logger.info(`took over ${refs.length} chunks for sink ${sink.name}`, { list: this.list.name });
    }
  }

  /** Runs `task` again and again, first after a part of the time, so that the lists do not all ask at once. */
  #repeat(ms: number, task: () => Promise<void>): void {
    const next = (delay: number) => {
      const timer = setTimeout(async () => {
        this.#timers.delete(timer);
        try {
          await task();
        } catch (error) {
          this.#hooks.failed(error);
        }
        if (!this.#stopped || this.#timers.size > 0) next(ms);
      }, delay);
      this.#timers.add(timer);
    };
    next(ms * (0.5 + Math.random() / 2));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }
}

import type { ChunkRef, ListLog } from "../log/log.ts";
import type { Logger } from "../logging/index.ts";
import { ClaimPace } from "./claim-pace.ts";
import type { Sink } from "./sink.ts";
import type { ListStatus, SinkStatus } from "./status.ts";
import type { Troubles } from "./troubles.ts";

/** A list that was empty for so long is looked at less often. */
const LONG_EMPTY_MS = 10_000;
const SLOW_POLL_MS = 1000;
const SWEEP_MS = 1000;
/** So long after the last activity there is nothing left to sweep that a sink has just given up. */
const SWEEP_QUIET_MS = 30_000;
/** A backlog is swept as it is worked off, not only each second: its memory becomes free, and what is read next is found faster. */
const SWEEP_CHUNKS = 64;
/** For what becomes free without any activity here, as when a sink is forgotten. */
const SLOW_SWEEP_MS = 60_000;
const LAG_MS = 1000;
const ERROR_PAUSE_MS = 1000;
const NO_LAG: SinkStatus["lag"] = { chunks: 0, records: 0, oldestMs: 0 };

/** Drains one list of the gateway: claims chunks, deals them out to the sinks that have credit, keeps their leases, sweeps. */
export class ListDrain {
  readonly list: ListLog;
  readonly #sinks: () => readonly Sink[];
  readonly #leaseMs: number;
  readonly #pollMs: number;
  readonly #logger: Logger;
  readonly #troubles: Troubles;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Sinks that may have unread chunks here. */
  readonly #more = new Set<Sink>();
  /**
   * Of these, the ones that are sure to: they ask for all that they have credit for. The others look with one chunk: credit
   * is tied up for as long as Redis takes to answer, and another list may wait for it.
   */
  readonly #sure = new Set<Sink>();
  /** Sinks for which chunks of the dead are to be looked for. */
  readonly #overdue = new Set<Sink>();
  /** Sinks that are being stopped: they take nothing more, and keep their leases until they have left. For good: answers may come after that. */
  readonly #leaving = new WeakSet<Sink>();
  /** Sinks that are to take nothing of this list: their spool feeds them. */
  readonly #excluded = new Set<Sink>();
  readonly #hungry: () => void;
  readonly #pace: ClaimPace<Sink>;
  #busy = false;
  #takeAgain = false;
  #stopped = false;
  #ended = false;
  #claimed = 0;
  #live = 0;
  #activeAt = performance.now();
  #lag = new WeakMap<Sink, SinkStatus["lag"]>();
  #renewing: Promise<void> | null = null;
  #sweeping: Promise<unknown> | null = null;
  /** Taken by all sinks since the last sweep. */
  #taken = 0;

  /** `sinks`: those that read this list; while there are none it is left alone. */
  constructor(
    list: ListLog,
    sinks: () => readonly Sink[],
    pace: { leaseMs: number; pollMs: number },
    logger: Logger,
    troubles: Troubles,
    hungry: () => void,
  ) {
    this.list = list;
    this.#sinks = sinks;
    this.#pace = new ClaimPace(sinks, ({ takes }) => takes);
    this.#leaseMs = pace.leaseMs;
    this.#pollMs = pace.pollMs;
    this.#logger = logger;
    this.#troubles = troubles;
    this.#hungry = hungry;
  }

  get sinks(): readonly Sink[] {
    return this.#sinks();
  }

  /** There may be chunks for it from now on, also some that another life of it gave back, if it is one of those that read this list. */
  join(sink: Sink): void {
    if (!this.sinks.includes(sink)) return;
    this.#more.add(sink);
    this.#overdue.add(sink);
    this.#hungry();
  }

  /** It takes nothing more. Its leases are kept until `forget`. */
  leave(sink: Sink): void {
    this.#leaving.add(sink);
    for (const set of [this.#more, this.#sure, this.#overdue]) set.delete(sink);
  }

  /** It has stopped. */
  forget(sink: Sink): void {
    this.#excluded.delete(sink);
    this.#pace.forget(sink);
  }

  start(): void {
    void this.#claimLoop();
    this.#repeat(this.#leaseMs / 4, () => this.renew());
    this.#repeat(this.#leaseMs / 4, async () => {
      for (const sink of this.#taking()) this.#overdue.add(sink);
      this.#hungry();
    });
    this.#repeat(SWEEP_MS, async () => {
      if (this.#quietMs() < SWEEP_QUIET_MS) await this.sweep();
    });
    this.#repeat(SLOW_SWEEP_MS, () => this.sweep());
    this.#repeat(LAG_MS, async () => {
      if (this.#awake()) await this.measure();
    });
  }

  /** Takes nothing more. Leases are kept until `end`. */
  stop(): void {
    this.#stopped = true;
    this.#more.clear();
    this.#sure.clear();
    this.#overdue.clear();
  }

  end(): void {
    this.stop();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** It is this list's turn: some sink may have credit. */
  take(): void {
    this.#takeAgain = true;
    if (this.#busy || this.#more.size + this.#overdue.size === 0) return;
    this.#busy = true;
    void (async () => {
      while (this.#takeAgain && !this.#stopped) {
        this.#takeAgain = false;
        await Promise.all([this.#takeOnce(), this.#takeOver()]);
      }
      this.#busy = false;
    })();
  }

  /** Whether some sink is sure to have unread chunks here. */
  get waiting(): boolean {
    return this.#sure.size > 0;
  }

  /** Renews the leases of all that is held of this list. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /** The same, for who cannot wait for it. */
  renewSoon(): void {
    this.renew().catch((error) => this.#troubles.failed(this.list.name, error));
  }

  /** Brings the lags up to date. */
  async measure(): Promise<void> {
    await Promise.all(
      this.sinks.map(async (sink) => {
        const { live, ...lag } = await this.list.lag(sink.name);
        this.#live = live;
        this.#lag.set(sink, lag);
        if (live > 0 || lag.chunks > 0) this.#activeAt = performance.now();
      }),
    );
  }

  /** This sink takes nothing more of this list. */
  exclude(sink: Sink): void {
    this.#excluded.add(sink);
  }

  /** It does again. */
  include(sink: Sink): void {
    if (this.#excluded.delete(sink)) this.#hungry();
  }

  status(): ListStatus {
    return { name: this.list.name, claimed: this.#claimed, live: this.#live };
  }

  lag(sink: Sink): SinkStatus["lag"] {
    return this.#lag.get(sink) ?? NO_LAG;
  }

  #awake(): boolean {
    return this.#quietMs() < LONG_EMPTY_MS;
  }

  #quietMs(): number {
    return performance.now() - this.#activeAt;
  }

  /** Deletes what all sinks are done with. */
  async sweep(): Promise<void> {
    this.#taken = 0;
    if (this.sinks.length === 0) return;
    this.#sweeping ??= this.list.sweep().finally(() => {
      this.#sweeping = null;
    });
    await this.#sweeping;
  }

  async #claimLoop(): Promise<void> {
    /** Records claimed since the list was last empty. */
    let found = 0;
    while (!this.#stopped) {
      if (this.sinks.length === 0) {
        await this.#sleep(SLOW_POLL_MS);
        continue;
      }
      const began = performance.now();
      let pause = ERROR_PAUSE_MS;
      let claimed = 0;
      try {
        const { claimed: records, left } = await this.list.claim();
        claimed = records;
        this.#troubles.worked(this.list.name);
        this.#claimed += claimed;
        this.#live = left;
        if (claimed > 0) {
          this.#activeAt = performance.now();
          this.#pace.claimed();
        }
        found += claimed;
        if (left > 0) pause = this.#pace.pause(performance.now() - began);
        else {
          pause = this.#pace.idle(this.#awake() ? this.#pollMs : Math.max(this.#pollMs, SLOW_POLL_MS), found);
          found = 0;
        }
      } catch (error) {
        this.#troubles.failed(this.list.name, error);
      }
      // Other instances claim too: there may be chunks whether or not this claim found any.
      for (const sink of this.#taking()) {
        this.#more.add(sink);
        if (claimed > 0) this.#sure.add(sink);
      }
      this.#hungry();
      // A timer would take a millisecond, and claim no faster than that.
      await (pause > 0 ? this.#sleep(pause) : new Promise((resolve) => setImmediate(resolve)));
    }
  }

  /** Sinks that are not about to leave. */
  #taking(): readonly Sink[] {
    return this.sinks.filter((sink) => !this.#leaving.has(sink));
  }

  async #takeOnce(): Promise<void> {
    const requests: { sink: Sink; chunks: number }[] = [];
    for (const sink of this.#more) {
      if (this.#excluded.has(sink)) continue;
      const chunks = Math.min(sink.credit(), this.#sure.has(sink) ? Number.POSITIVE_INFINITY : 1);
      if (chunks <= 0) continue;
      sink.reserve(chunks);
      requests.push({ sink, chunks });
      // Before the answer: what is claimed meanwhile may not be in it.
      this.#more.delete(sink);
      this.#sure.delete(sink);
    }
    if (requests.length === 0) return;
    const at = performance.now();
    let taken = requests.map((): ChunkRef[] => []);
    try {
      taken = await this.list.take(requests.map(({ sink, chunks }) => ({ sink: sink.name, chunks })));
      for (const [i, { sink, chunks }] of requests.entries()) {
        if (!this.#leaving.has(sink)) this.#pace.taken(sink, taken[i]!.length, chunks);
      }
      this.#troubles.worked(this.list.name);
    } catch (error) {
      this.#troubles.failed(this.list.name, error);
    }
    for (const [i, { sink, chunks }] of requests.entries()) {
      const refs = taken[i]!;
      if (refs.length > 0) this.#activeAt = performance.now();
      this.#taken += refs.length;
      if (refs.length === chunks && !this.#stopped && !this.#leaving.has(sink)) {
        this.#more.add(sink);
        this.#sure.add(sink);
        this.#takeAgain = true;
      }
      sink.accept(this.list, refs, chunks, at);
    }
    if (this.#taken >= SWEEP_CHUNKS * this.sinks.length) {
      this.sweep().catch((error) => this.#troubles.failed(this.list.name, error));
    }
  }

  /** Each sink for itself: what fails for one must not end the others' leases. */
  async #renew(): Promise<void> {
    const renewals = await Promise.allSettled(this.sinks.map((sink) => this.#renewFor(sink)));
    const failed = renewals.find((renewal) => renewal.status === "rejected");
    if (failed) throw failed.reason;
  }

  async #renewFor(sink: Sink): Promise<void> {
    const refs = sink.held(this.list);
    if (refs.length === 0) return;
    const at = performance.now();
    const lost = await this.list.extend(sink.name, refs);
    const taken = sink.renewed(refs, lost, at);
    if (taken > 0) {
      this.#logger.warn(`${taken} chunks of sink ${sink.name} were taken over by another instance`, {
        list: this.list.name,
      });
    }
  }

  async #takeOver(): Promise<void> {
    await Promise.all(
      [...this.#overdue].map(async (sink) => {
        if (this.#excluded.has(sink) || sink.credit() <= 0) return;
        this.#overdue.delete(sink);
        let taken = 0;
        try {
          // As when taking: first a look with one chunk.
          taken = await this.#takeOverUpTo(sink, 1);
          const more = taken > 0 ? sink.credit() : 0;
          if (more > 0) taken += await this.#takeOverUpTo(sink, more);
          // There may be others than it has credit for now.
          if (taken === 1 + more && !this.#leaving.has(sink)) this.#overdue.add(sink);
        } catch (error) {
          this.#troubles.failed(this.list.name, error);
        }
        if (taken > 0) this.#logger.info(`took over ${taken} chunks for sink ${sink.name}`, { list: this.list.name });
      }),
    );
  }

  async #takeOverUpTo(sink: Sink, chunks: number): Promise<number> {
    if (chunks <= 0 || this.#stopped) return 0;
    sink.reserve(chunks);
    const at = performance.now();
    let refs: ChunkRef[] = [];
    try {
      refs = await this.list.takeover(sink.name, chunks);
    } finally {
      sink.accept(this.list, refs, chunks, at);
    }
    return refs.length;
  }

  /** Runs `task` again and again, first after a part of the time, so that the lists do not all ask at once. */
  #repeat(ms: number, task: () => Promise<void>): void {
    const next = (delay: number) => {
      const timer = setTimeout(async () => {
        this.#timers.delete(timer);
        try {
          await task();
        } catch (error) {
          this.#troubles.failed(this.list.name, error);
        }
        if (!this.#ended) next(ms);
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

import type { UptimeCheck, UptimeConfig } from "../config/config.ts";
import type { ReportLog } from "../log/log.ts";
import type { Logger } from "../logging/index.ts";
import type { UptimeStatus } from "../supervisor/status.ts";
import { Outbox } from "./outbox.ts";
import { probe } from "./probe.ts";
import { reportOf } from "./report.ts";
import { FAILURE_KINDS, type Result } from "./result.ts";
import { type CheckState, nextState, UNKNOWN } from "./state.ts";

/** How long the seat of the one instance that tests is held without a renewal, and how often it is renewed. */
const SEAT_MS = 15_000;
const RENEW_MS = 3000;
/** A check's first run comes within this, so that many do not begin at once. */
const SPREAD_MS = 3000;
/** Of the interval, to either side. */
const JITTER = 0.1;

export interface Tester {
  status(): UptimeStatus;
  /** Ends what runs, sends the reports that wait, gives the seat up. */
  stop(): Promise<void>;
}

/** One check, and what came of it so far. */
interface Watched {
  readonly check: UptimeCheck;
  state: CheckState;
  /** Of the last change, ms since 1970. */
  since: number;
  last: Result | null;
  /** Due, or under way. */
  busy: boolean;
  timer: NodeJS.Timeout | null;
  readonly results: { [outcome: string]: number };
}

/** Tests services at intervals, if no other instance does, and reports each result to the log as a gateway would. */
export function startTester(parts: { config: UptimeConfig; log: ReportLog; logger: Logger }): Tester {
  return new Rounds(parts.config, parts.log, parts.logger);
}

class Rounds implements Tester {
  readonly #config: UptimeConfig;
  readonly #log: ReportLog;
  readonly #logger: Logger;
  readonly #outbox: Outbox;
  readonly #watched: readonly Watched[];
  readonly #due: Watched[] = [];
  readonly #renewal: NodeJS.Timeout;
  #end = new AbortController();
  #running = new Set<Promise<void>>();
  /** Until when the seat is ours, ms of the monotonic clock. */
  #seatUntil = 0;
  #active = false;
  #stopped = false;
  #skipped = 0;

  constructor(config: UptimeConfig, log: ReportLog, logger: Logger) {
    this.#config = config;
    this.#log = log;
    this.#logger = logger;
    this.#outbox = new Outbox(log, logger);
    this.#watched = config.checks.map((check) => ({
      check,
      state: UNKNOWN,
      since: Date.now(),
      last: null,
      busy: false,
      timer: null,
      results: Object.fromEntries(["ok", ...FAILURE_KINDS].map((outcome) => [outcome, 0])),
    }));
    this.#renewal = setInterval(() => void this.#renew(), RENEW_MS);
    void this.#renew();
  }

  status(): UptimeStatus {
    return {
      active: this.#active,
      running: this.#running.size,
      skipped: this.#skipped,
      dropped: this.#outbox.dropped,
      checks: this.#watched.map(({ check, state, since, last, results }) => ({
        name: check.name,
        state: state.up,
        since,
        status: last?.status ?? 0,
        ms: last?.ms ?? 0,
        results: { ...results },
      })),
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#renewal);
    this.#rest();
    await Promise.all(this.#running);
    await this.#outbox.close();
    await this.#log.leave().catch((error: unknown) => this.#logger.debug("the seat was not given up", { error }));
  }

  async #renew(): Promise<void> {
    const asked = performance.now();
    try {
      this.#seatUntil = (await this.#log.hold(SEAT_MS)) ? asked + SEAT_MS : 0;
    } catch (error) {
      // It is still ours until it runs out: then another may have it.
      this.#logger.debug("the seat could not be renewed", { error });
    }
    if (this.#stopped) return;
    // The next renewal may be too late.
    const held = performance.now() + RENEW_MS <= this.#seatUntil;
    if (held && !this.#active) this.#begin();
    if (!held && this.#active) this.#rest();
  }

  #begin(): void {
    this.#active = true;
    this.#end = new AbortController();
    const { length } = this.#watched;
    this.#logger.info(`testing ${length} ${length === 1 ? "service" : "services"}`);
    for (const watched of this.#watched) {
      // What was known is of the time when this instance last had the seat.
      watched.state = UNKNOWN;
      watched.since = Date.now();
      this.#schedule(watched, Math.random() * Math.min(SPREAD_MS, watched.check.intervalMs));
    }
  }

  #rest(): void {
    this.#active = false;
    for (const watched of this.#due.splice(0)) watched.busy = false;
    for (const watched of this.#watched) if (watched.timer) clearTimeout(watched.timer);
    this.#end.abort();
  }

  #schedule(watched: Watched, ms: number): void {
    watched.timer = setTimeout(() => {
      this.#schedule(watched, watched.check.intervalMs * (1 - JITTER + 2 * JITTER * Math.random()));
      if (watched.busy) {
        this.#skipped++;
        return;
      }
      watched.busy = true;
      this.#due.push(watched);
      this.#next();
    }, ms);
  }

  /** Runs what is due, so many at once as are allowed. */
  #next(): void {
    // Redis may not have answered for long, or this process not have run.
    if (this.#active && performance.now() > this.#seatUntil) this.#rest();
    while (this.#running.size < this.#config.concurrency) {
      const watched = this.#due.shift();
      if (!watched) return;
      const run = this.#run(watched).finally(() => {
        this.#running.delete(run);
        this.#next();
      });
      this.#running.add(run);
    }
  }

  async #run(watched: Watched): Promise<void> {
    const { signal } = this.#end;
    const result = await probe(watched.check, signal);
    watched.busy = false;
    if (signal.aborted) return;
    watched.last = result;
    watched.results[result.failure?.kind ?? "ok"]!++;
    this.#judge(watched, result);
    if (this.#config.report) this.#outbox.add(reportOf(watched.check, result, new Date(), this.#config.expireMs));
  }

  #judge(watched: Watched, { failure }: Result): void {
    const { check, state } = watched;
    watched.state = nextState(state, failure === null, this.#config);
    if (watched.state.up === state.up) return;
    const now = Date.now();
    const seconds = Math.round((now - watched.since) / 1000);
    watched.since = now;
    const more = { check: check.name, url: check.url, api_id: check.apiId, org_id: check.orgId };
    if (failure !== null) {
      this.#logger.warn(`service ${check.name} is down: ${failure.message}`, { ...more, kind: failure.kind });
    } else if (state.up === "down") {
      this.#logger.info(`service ${check.name} is up again, it was down for ${seconds} s`, more);
    }
  }
}

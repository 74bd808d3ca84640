import { setTimeout as sleep } from "node:timers/promises";
import { LIST } from "../backlog.ts";
import { recordMaker } from "../records.ts";
import { arrivalsAt, FIRST } from "./arrivals.ts";
import type { Fault } from "./faults.ts";
import { type Sample, sample } from "./sample.ts";
import { SINKS, type Stage, setStage } from "./stage.ts";
import { type Arrival, broken, type Flatness, flatness } from "./verdict.ts";

const PUSH_MS = 50;
const PIECE = 500;
const SAMPLE_MS = 5000;
/** For all to arrive once nothing is pushed any more. */
const PATIENCE_S = 300;
/** So few that metrics of each key and path are all there after some minutes, as a gateway's are. */
const TRAFFIC = { routes: 5, keys: 500 };

export interface Soak {
  seed: number;
  /** Records a second. */
  rate: number;
  seconds: number;
  faults: readonly Fault[];
  samples: Sample[];
  pushed: number;
  arrivals: Arrival[];
  flatness: Flatness[];
  /** A sentence for each promise that was not kept; none: all is well. */
  broken: string[];
}

export interface Plan extends Pick<Soak, "seed" | "rate" | "seconds" | "faults"> {
  /** Told of each sample. */
  onSample: (sample: Sample, before: Sample | undefined) => void;
  /** Ends it before its time, with everything that it started. */
  signal: AbortSignal;
}

/** Lets a pump run at a steady rate while its back ends come and go. Throws Error where it ends, does not answer or is told to end. */
export async function soak({ onSample, signal, ...plan }: Plan): Promise<Soak> {
  const stage = await setStage();
  const failed = new AbortController();
  try {
    const run = new Run(stage, plan, AbortSignal.any([signal, failed.signal]));
    const all = [run.push(), run.fault(), run.sample(onSample)];
    await Promise.all(all).catch(async (error) => {
      failed.abort();
      await Promise.allSettled(all);
      throw error;
    });
    return { ...plan, ...(await run.end()) };
  } finally {
    await stage.stop();
  }
}

class Run {
  readonly #stage: Stage;
  readonly #plan: Omit<Plan, "onSample" | "signal">;
  readonly #signal: AbortSignal;
  readonly #began = performance.now();
  readonly #samples: Sample[] = [];
  readonly #repeats = new Map<string, number>();
  #pushed = 0;

  constructor(stage: Stage, plan: Omit<Plan, "onSample" | "signal">, signal: AbortSignal) {
    this.#stage = stage;
    this.#plan = plan;
    this.#signal = signal;
  }

  get #now(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** As many as the rate asks for by now; after a pause of this process, what it missed. */
  async push(): Promise<void> {
    const { seed, rate, seconds } = this.#plan;
    const make = recordMaker(seed, TRAFFIC);
    while (this.#now < seconds) {
      const due = Math.floor(this.#now * rate);
      while (this.#pushed < due) {
        const piece = Math.min(PIECE, due - this.#pushed);
        const records = Array.from({ length: piece }, (_, i) => make(FIRST + this.#pushed + i));
        await this.#stage.redis.client.rpush(LIST, ...records);
        this.#pushed += piece;
      }
      await this.#sleep(PUSH_MS);
    }
  }

  async fault(): Promise<void> {
    const { redis, postgres } = this.#stage;
    for (const { kind, at, seconds } of this.#plan.faults) {
      await this.#sleep((at - this.#now) * 1000);
      if (kind === "reload") this.#stage.reload();
      else if (kind === "cut") await redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      else {
        // At once, and nothing that it has confirmed is lost.
        await postgres.kill("SIGINT");
        await this.#sleep(seconds * 1000);
        await postgres.restart();
      }
    }
  }

  async sample(onSample: Plan["onSample"]): Promise<void> {
    for (let i = 1; i * SAMPLE_MS <= this.#plan.seconds * 1000; i++) {
      await this.#sleep(i * SAMPLE_MS - this.#now * 1000);
      const before = this.#samples.at(-1);
      await this.#sample();
      onSample(this.#samples.at(-1)!, before);
      await this.#stage.scrape();
    }
  }

  /** Waits until all has arrived, ends the pump and counts. */
  async end(): Promise<Pick<Soak, "samples" | "pushed" | "arrivals" | "flatness" | "broken">> {
    const { sluice, redis } = this.#stage;
    const steady = [...this.#samples];
    const late = await sluice.drained(redis, SINKS, { seconds: PATIENCE_S }).then(
      () => [],
      (error: Error) => [error.message],
    );
    await this.#sample();
    const scraped = await this.#stage.scrape();
    const { code } = await sluice.terminate();
    const arrivals = await arrivalsAt(this.#stage, this.#pushed, scraped, this.#repeats);
    const measured = flatness(steady);
    const ended = code === 0 ? [] : [`it ended with ${code}: ${sluice.tail()}`];
    return {
      samples: steady,
      pushed: this.#pushed,
      arrivals,
      flatness: measured,
      broken: [...late, ...ended, ...broken(this.#pushed, arrivals, measured)],
    };
  }

  async #sample(): Promise<void> {
    const { sluice } = this.#stage;
    if (sluice.ended) throw new Error(`the pump ended with ${JSON.stringify(sluice.ended)}\n${sluice.tail()}`);
    const taken = await sample(sluice, this.#stage, this.#now, this.#pushed);
    this.#samples.push(taken);
    // A sink that was replaced counts from 0 again.
    for (const [name, { repeats }] of Object.entries(taken.sinks)) {
      this.#repeats.set(name, Math.max(repeats, this.#repeats.get(name) ?? 0));
    }
  }

  #sleep(ms: number): Promise<void> {
    return sleep(Math.max(0, ms), undefined, { signal: this.#signal });
  }
}

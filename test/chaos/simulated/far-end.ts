import type { Ledger } from "../ledger.ts";
import type { Random } from "../random.ts";
import type { Thread } from "./body.ts";

/** How a destination behaves for a while. */
export const MODES = ["down", "slow", "hanging", "hanging, but it did it", "garbage", "in part", "unsure"] as const;
export type Mode = (typeof MODES)[number] | "up";

export interface Item {
  n: number;
  id: string;
}

const SLOW_MS = 4000;

/** What a destination answered. */
export class Unwilling extends Error {
  readonly kind: "away" | "unsure" | "garbage";

  constructor(kind: Unwilling["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** The destination of one sink, the same for all instances: it keeps what it took, whatever becomes of who sent it. */
export class FarEnd {
  readonly sink: string;
  mode: Mode = "up";
  readonly #ledger: Ledger;
  readonly #random: Random;

  readonly #latencyMs: number;

  constructor(sink: string, latencyMs: number, ledger: Ledger, random: Random) {
    this.sink = sink;
    this.#latencyMs = latencyMs;
    this.#ledger = ledger;
    this.#random = random;
  }

  /**
   * Applies `write` once if all is well: what is taken, and whether nobody will hear of it. Resolves to how many of `count` it took; rejects
   * with Unwilling, or never settles.
   */
  ask(thread: Thread, count: number, write: (taken: number, unheard: boolean) => void): Promise<number> {
    const { simulation } = thread.realm;
    const { mode } = this;
    const random = this.#random;
    const latency = () => (mode === "slow" ? random.between(0, SLOW_MS) : random.between(0.1, this.#latencyMs));
    return new Promise((resolve, reject) => {
      const answer = (say: () => void) => thread.realm.after(latency(), say);
      simulation.schedule(latency(), simulation.world, () => {
        if (mode === "down") return answer(() => reject(new Unwilling("away", "connection refused")));
        if (mode === "hanging") return;
        if (mode === "garbage") return answer(() => reject(new Unwilling("garbage", "Unexpected token <")));
        const taken = mode === "in part" ? random.below(count) : count;
        write(taken, thread.realm.gone || mode === "unsure" || mode === "hanging, but it did it");
        if (mode === "hanging, but it did it") return;
        if (mode === "unsure") return answer(() => reject(new Unwilling("unsure", "socket hang up")));
        answer(() => resolve(taken));
      });
    });
  }

  /** Records that arrived. */
  note(thread: Thread, items: readonly Item[], unheard: boolean): void {
    const { simulation } = thread.realm;
    for (const { n, id } of items) {
      this.#ledger.delivered(this.sink, n, id, simulation.now, thread.process.name);
      if (unheard) this.#ledger.excuseRecord(this.sink, n);
    }
  }
}

/** A destination that counts, each record once: its counts and how far each chunk is counted change together. */
export class Counter {
  readonly marks = new Map<string, number>();
  readonly counts = new Map<number, number>();
}

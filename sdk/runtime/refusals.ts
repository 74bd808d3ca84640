import { Fatal } from "../sink/errors.ts";
import type { Clock } from "./clock.ts";

/** So many single records refused in a row, and it is the sink that is misconfigured. */
const REFUSALS_IN_A_ROW = 20;
/** A refusal without company is believed after this, ms. */
const VERDICT_MS = 1000;

export interface Refusal<T> {
  what: T;
  error: unknown;
  /** The sink itself said that the data is at fault. */
  certain: boolean;
}

/** What it is then. */
export function refusesAll(cause: unknown): Fatal {
  return new Fatal(`${REFUSALS_IN_A_ROW} records in a row were refused, none was taken between`, { cause });
}

/**
 * Single records that a sink refused. Nothing becomes a dead letter while the sink itself might be at fault: a refusal
 * is believed once something else passes, or, where the sink was certain, after a moment without other work.
 */
export class Refusals<T> {
  readonly #clock: Clock;
  readonly #busy: () => boolean;
  readonly #believe: (refusal: Refusal<T>) => void;
  readonly #doubt: (refusal: Refusal<T>) => void;
  #held: Refusal<T>[] = [];
  #timer: (() => void) | null = null;

  /** `believe` makes the dead letter, `doubt` has the record tried again. */
  constructor(
    clock: Clock,
    on: { busy: () => boolean; believe: (refusal: Refusal<T>) => void; doubt: (refusal: Refusal<T>) => void },
  ) {
    this.#clock = clock;
    this.#busy = on.busy;
    this.#believe = on.believe;
    this.#doubt = on.doubt;
  }

  /** False: too many in a row. */
  add(refusal: Refusal<T>): boolean {
    this.#held.push(refusal);
    this.#judgeLater();
    return this.#held.length < REFUSALS_IN_A_ROW;
  }

  get held(): readonly Refusal<T>[] {
    return this.#held;
  }

  /** Something passed: the sink works. */
  believe(): void {
    if (this.#held.length > 0) this.#end(this.#believe);
  }

  /** Nothing else is coming. */
  conclude(): void {
    const held = this.#held;
    this.#end((refusal) => (refusal.certain ? this.#believe(refusal) : this.#doubt(refusal)), held);
  }

  /** Nothing passed, and nothing will. */
  doubt(): void {
    this.#end(this.#doubt);
  }

  forget(): void {
    this.#end(() => {});
  }

  #end(verdict: (refusal: Refusal<T>) => void, held = this.#held): void {
    this.#timer?.();
    this.#timer = null;
    this.#held = [];
    for (const refusal of held) verdict(refusal);
  }

  #judgeLater(): void {
    this.#timer ??= this.#clock.after(VERDICT_MS, () => {
      this.#timer = null;
      if (this.#busy()) this.#judgeLater();
      else this.conclude();
    });
  }
}

import { BatchScope } from "../record/index.ts";
import type { Gatherer } from "../sink/definition.ts";
import { HostCall, underDeadline } from "./call.ts";
import { type Fault, faultOf, sentence } from "./failure.ts";
import { Gathering } from "./gathering.ts";
import { type During, type Host, type Runner, STOPPED } from "./host.ts";
import type { Piece } from "./piece.ts";
import type { Rejected } from "./protocol.ts";
import { type Refusal, Refusals, refusesAll } from "./refusals.ts";
import { Sleeper } from "./sleeper.ts";

/** So many tries of a flush before an unknown error is looked for in the data. */
const UNKNOWN_TRIES = 3;
/** So many gathers dropped in a row, and their chunks come one a gather. */
const DROPS_UNTIL_NARROW = 3;
/** So often it is looked within a gather's `quiet` whether something came. */
const LOOKS = 4;
/** So long into a drain a gather still waits for its dead letters to be stored, ms. */
const DRAIN_STORES_MS = 5000;

/**
 * Feeds a gatherer: fills one gather while another is flushed, flushes the same one again after a failure, and drops
 * one to have its records delivered again. Where the data is at fault, its chunks come back one a gather, then in
 * halves, down to the record.
 */
export class GathererRunner implements Runner {
  readonly #gatherer: Gatherer<never>;
  readonly #host: Host;
  readonly #sleeper: Sleeper;
  readonly #refusals: Refusals<Piece>;
  #queue: Piece[] = [];
  #filling: Gathering | null = null;
  #flushing: Gathering | null = null;
  /** Records without a verdict that a watermark may have passed: a flush of what lies behind them failed, but may have been done. */
  readonly #unclear = new WeakSet<Piece>();
  /** The pieces of the dead letters that are being stored ahead of a flush. */
  #asked: ReadonlySet<number> = new Set();
  /** While the flush waits for its dead letters to be stored: that they are, or that it is given up. */
  #answer: ((stored: boolean) => void) | null = null;
  /** Nothing is waited for any longer. */
  #hurried = false;
  #adding = false;
  #draining = false;
  #stopped = false;
  #drops = 0;
  #timer: (() => void) | null = null;
  #idle: (() => void)[] = [];

  constructor(gatherer: Gatherer<never>, host: Host) {
    this.#gatherer = gatherer;
    this.#host = host;
    this.#sleeper = new Sleeper(host);
    this.#refusals = new Refusals(host.clock, {
      busy: () => this.#adding || this.#flushing !== null || this.#filling !== null || this.#queue.length > 0,
      believe: ({ what: piece, error }) => {
        piece.settle(piece.rows[0]!, "rejected", sentence(error));
        host.settled(piece);
      },
      doubt: ({ what: piece, error }) => host.returned([piece], true, error, !this.#unclear.has(piece)),
    });
  }

  accept(piece: Piece): void {
    // One of which nothing could be read goes through a gather, which has its dead letters stored.
    if (piece.open === 0 && piece.rejected.length === 0) {
      this.#host.settled(piece);
      return;
    }
    this.#queue.push(piece);
    this.#pump();
  }

  revoke(seqs: ReadonlySet<number>): void {
    const lost = (piece: Piece) => seqs.has(piece.seq);
    const waiting = this.#queue.filter(lost);
    this.#queue = this.#queue.filter((piece) => !lost(piece));
    if (waiting.length > 0) this.#host.returned(waiting, false, null);
    this.#dropFilling(lost);
    if (this.#flushing?.pieces.some(lost) || [...this.#asked].some((seq) => seqs.has(seq))) this.#answer?.(false);
  }

  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#queue.length > 0) this.#host.returned(this.#queue.splice(0), false, null);
    this.#sleeper.end();
    const cancel = this.#host.clock.after(DRAIN_STORES_MS, () => this.#hurry());
    this.#pump();
    while (this.#adding || this.#flushing || this.#filling) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    cancel();
    // Whether the sink works was not seen: they come again.
    this.#refusals.forget();
  }

  close(): void {
    this.#stopped = true;
    this.#timer?.();
    this.#refusals.forget();
    this.#sleeper.end();
    this.#hurry();
  }

  #hurry(): void {
    this.#hurried = true;
    this.#answer?.(false);
  }

  #pump(): void {
    if (!this.#stopped && !this.#adding) {
      const full = this.#filling !== null && this.#full(this.#filling);
      if ((full || this.#filling?.late) && !this.#flushing) this.#startFlush();
      const next = this.#queue[0];
      if (next && !(full && this.#flushing && this.#filling)) {
        const apart = this.#filling && (next.alone || this.#filling.pieces[0]?.alone);
        if (!apart) {
          this.#queue.shift();
          void this.#guard(this.#add(next));
        } else if (!this.#flushing) {
          this.#startFlush();
          this.#pump();
          return;
        }
      }
    }
    if (!this.#adding && !this.#flushing && !this.#filling) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Whether nothing more goes in. */
  #full(filling: Gathering): boolean {
    const { records, bytes } = this.#host.limits.gather;
    return (
      this.#draining ||
      filling.full ||
      filling.pieces[0]?.alone === true ||
      filling.records >= records ||
      filling.bytes >= bytes
    );
  }

  /** Runs a step to its end; whatever is left by it is looked at again. */
  async #guard(step: Promise<void>): Promise<void> {
    try {
      await step;
    } catch (thrown) {
      if (thrown !== STOPPED) this.#host.end(`the runtime failed: ${sentence(thrown)}`);
    }
    this.#pump();
  }

  async #add(piece: Piece): Promise<void> {
    const { limits } = this.#host;
    if (!this.#filling) {
      this.#filling = new Gathering(this.#gatherer.gather());
      this.#wait(this.#filling, limits.gather.ms, 0);
    }
    const filling = this.#filling;
    this.#adding = true;
    const call = this.#call("add", 1, limits.ms.add, filling);
    const batch = filling.take(piece, call.scope) as never;
    try {
      if (piece.open > 0) await underDeadline(this.#host, call, "add", () => filling.gather.add(batch, call as never));
      if (filling.dropped) this.#drop(filling, false, null);
      else this.#host.released(piece);
    } catch (error) {
      if (this.#stopped) throw STOPPED;
      await this.#blame("add", filling, faultOf(error), error);
    } finally {
      this.#adding = false;
    }
  }

  /** For `ms` at most, and no longer once nothing has come for `quiet`; `silentMs`: for so long nothing has by now. */
  #wait(filling: Gathering, ms: number, silentMs: number): void {
    const { quiet } = this.#host.limits.gather;
    const pieces = Math.max(1, filling.pieces.length);
    const pause = Math.min(ms, Math.ceil(quiet / LOOKS));
    this.#timer = this.#host.clock.after(pause, () => {
      const came = this.#adding || this.#queue.length > 0 || filling.pieces.length > pieces;
      const silent = came ? 0 : silentMs + pause;
      filling.late = pause === ms || silent >= quiet;
      if (filling.late) this.#pump();
      else this.#wait(filling, ms - pause, silent);
    });
  }

  #startFlush(): void {
    const gathering = this.#filling!;
    this.#filling = null;
    this.#timer?.();
    this.#timer = null;
    this.#flushing = gathering;
    void this.#guard(
      this.#flush(gathering).finally(() => {
        this.#flushing = null;
      }),
    );
  }

  async #flush(gathering: Gathering): Promise<void> {
    const inDoubt = this.#inDoubt(gathering);
    const rejected = [
      ...gathering.rejected(),
      ...inDoubt.map(({ what: piece, error }) => piece.rejection(piece.rows[0]!, sentence(error))),
    ];
    if (rejected.length > 0 && !(await this.#stored(rejected))) return this.#drop(gathering, false, null);
    if (gathering.records > 0 && !(await this.#write(gathering, inDoubt))) return;
    if (this.#stopped) throw STOPPED;
    gathering.complete();
    for (const piece of gathering.pieces) this.#host.settled(piece);
  }

  /** Flushes it, again and again where that helps. False: it failed for good. */
  async #write(gathering: Gathering, inDoubt: readonly Refusal<Piece>[]): Promise<boolean> {
    const { limits } = this.#host;
    let unknown = 0;
    for (let attempt = 1; ; attempt++) {
      const call = this.#call("flush", attempt, limits.ms.flush, gathering);
      try {
        await underDeadline(this.#host, call, "flush", () => gathering.gather.flush(call as never));
        break;
      } catch (error) {
        if (this.#stopped) throw STOPPED;
        let fault = faultOf(error);
        if (fault === "unknown" && call.aborted) fault = "retryable";
        if (fault !== "refused") for (const { what } of inDoubt) this.#unclear.add(what);
        // In the search for a record, a half is tried once.
        const tries = searching(gathering) ? 1 : UNKNOWN_TRIES;
        if (fault === "unknown" && ++unknown < tries) fault = "retryable";
        if (fault !== "retryable") {
          await this.#blame("flush", gathering, fault, error);
          return false;
        }
        for (const piece of gathering.pieces) piece.counts.retries++;
        await this.#sleeper.retry(attempt, error);
      }
    }
    if (this.#stopped) throw STOPPED;
    this.#drops = 0;
    this.#refusals.believe();
    return true;
  }

  /**
   * Has a gather's dead letters stored before anything of it is written: a watermark that passed their records would hide them from
   * whoever gets the chunk next. False: that was given up.
   */
  async #stored(rejected: Rejected[]): Promise<boolean> {
    if (this.#hurried) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#answer = resolve;
    this.#asked = new Set(rejected.map(({ seq }) => seq));
    this.#host.rejecting(rejected, () => resolve(true));
    const stored = await promise;
    this.#answer = null;
    this.#asked = new Set();
    if (this.#stopped) throw STOPPED;
    return stored;
  }

  /** Refused, and without a verdict yet: once this gather is flushed, a watermark has passed them. */
  #inDoubt({ pieces }: Gathering): Refusal<Piece>[] {
    const chunks = new Set(pieces.map(({ part }) => part.chunk));
    return this.#refusals.held.filter(({ what }) => chunks.has(what.part.chunk));
  }

  #call(during: During, attempt: number, ms: number, gathering: Gathering): HostCall {
    return new HostCall(during, attempt, this.#host.clock.now() + ms, new BatchScope(), {
      settle: (ref, outcome, reason) => gathering.settle(ref, outcome, reason),
      full: () => {
        gathering.full = true;
      },
    });
  }

  /** A gather failed for good: its records come again, or the one record in it was at fault. */
  async #blame(during: During, gathering: Gathering, fault: Fault, error: unknown): Promise<void> {
    if (fault === "fatal") this.#fatal(during, error);
    this.#drops++;
    const only = gathering.pieces[0]!;
    const single = only.alone && gathering.pieces.length === 1 && only.rows.length === 1;
    if (single && (fault === "refused" || fault === "unknown")) {
      this.#forget(gathering);
      // Others must be able to pass meanwhile.
      this.#host.released(only);
      if (this.#refusals.add({ what: only, error, certain: fault === "refused" })) return;
      this.#fatal(during, refusesAll(error));
    }
    // An add that failed for no known reason may do better once more; a flush has had its tries.
    const search = searching(gathering);
    const data = fault === "refused" || (fault === "unknown" && (during === "flush" || search));
    this.#drop(gathering, data || this.#drops >= DROPS_UNTIL_NARROW, error);
    if (fault !== "redeliver" && !search) await this.#sleeper.retry(this.#drops, error);
  }

  #fatal(during: During, error: unknown): never {
    this.#refusals.doubt();
    this.close();
    this.#host.fatal(during, error);
    throw STOPPED;
  }

  /** What follows its pieces in their chunks comes again as well, behind them: a sink may keep a watermark a chunk. */
  #drop(gathering: Gathering, narrow: boolean, error: unknown): void {
    this.#forget(gathering);
    this.#host.returned(gathering.pieces, narrow, error);
    const chunks = new Set(gathering.pieces.map(({ part }) => part.chunk));
    const behind = ({ part }: Piece) => chunks.has(part.chunk);
    const waiting = this.#queue.filter(behind);
    this.#queue = this.#queue.filter((piece) => !behind(piece));
    if (waiting.length > 0) this.#host.returned(waiting, false, null);
    this.#dropFilling(behind);
  }

  /** Drops the gather that is being filled if it has such a piece; the batch that is being added is finished first. */
  #dropFilling(which: (piece: Piece) => boolean): void {
    const filling = this.#filling;
    if (!filling?.pieces.some(which)) return;
    if (this.#adding) filling.dropped = true;
    else this.#drop(filling, false, null);
  }

  #forget(gathering: Gathering): void {
    if (this.#filling !== gathering) return;
    this.#filling = null;
    this.#timer?.();
    this.#timer = null;
  }
}

/** A part of a chunk that came alone, because a gather with it failed. */
function searching({ pieces }: Gathering): boolean {
  return pieces[0]!.alone && pieces[0]!.rows.length > 1;
}

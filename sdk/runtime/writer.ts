import { BatchScope } from "../record/index.ts";
import type { Writer } from "../sink/definition.ts";
import { CALL_BACKOFF } from "./backoff.ts";
import { HostCall, underDeadline } from "./call.ts";
import { type Fault, faultOf, sentence } from "./failure.ts";
import { type Host, type Runner, STOPPED } from "./host.ts";
import type { Piece } from "./piece.ts";
import { Refusals, refusesAll } from "./refusals.ts";
import { Shaper } from "./shape.ts";
import { Sleeper } from "./sleeper.ts";
import { Task } from "./task.ts";

/** So many tries before an unknown error is looked for in the data. */
const UNKNOWN_TRIES = 3;
/** So many good batches before a batch limit that was halved is doubled. */
const GOOD_BATCHES_TO_GROW = 10;

interface Failure {
  fault: Fault;
  error: unknown;
}

/**
 * Feeds a writer: joins and cuts batches, tries again, and looks for the record at fault. What is thrown concerns the
 * records without an outcome only.
 */
export class WriterRunner implements Runner {
  readonly #writer: Writer<never>;
  readonly #host: Host;
  readonly #sleeper: Sleeper;
  readonly #queue = new Shaper();
  readonly #refusals: Refusals<{ task: Task; ref: number }>;
  #busy = 0;
  #draining = false;
  #stopped = false;
  /** The batch limit in force: halved where size was at fault, grows back. */
  #records: number;
  #good = 0;
  #linger: (() => void) | null = null;
  /** How often something passed: each time the sink has shown that it works. */
  #passes = 0;
  /** Told when something passed. */
  #onPass = new Set<() => void>();
  /** Calls that want their lane back. */
  #lanes: (() => void)[] = [];
  #idle: (() => void)[] = [];

  constructor(writer: Writer<never>, host: Host) {
    this.#writer = writer;
    this.#host = host;
    this.#sleeper = new Sleeper(host);
    this.#records = host.limits.batch.records;
    this.#refusals = new Refusals(host.clock, {
      busy: () => this.#busy > 0,
      believe: ({ what: { task, ref }, error }) => {
        task.settle(ref, "rejected", sentence(error));
        this.#conclude(task);
      },
      doubt: ({ what: { task, ref } }) => this.#start(() => this.#write(task, Uint32Array.of(ref))),
    });
  }

  accept(piece: Piece): void {
    if (piece.open === 0) {
      this.#host.settled(piece);
      return;
    }
    this.#queue.push(piece);
    this.#pump();
  }

  revoke(seqs: ReadonlySet<number>): void {
    this.#giveBack(this.#queue.withdraw((piece) => seqs.has(piece.seq)));
  }

  async drain(): Promise<void> {
    this.#draining = true;
    this.#giveBack(this.#queue.withdraw(() => true));
    this.#sleeper.end();
    this.#pump();
    while (this.#busy > 0 || this.#lanes.length > 0 || !this.#queue.empty) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    // Whether the sink works was not seen: they come again.
    this.#refusals.forget();
  }

  close(): void {
    this.#stopped = true;
    this.#linger?.();
    this.#refusals.forget();
    this.#sleeper.end();
  }

  #giveBack(pieces: readonly Piece[]): void {
    if (pieces.length > 0) this.#host.returned(pieces, false, null);
  }

  #pump(): void {
    while (!this.#stopped && this.#busy < this.#host.limits.concurrency && !this.#sleeper.retrying) {
      const lane = this.#lanes.shift();
      if (lane) {
        this.#busy++;
        lane();
        continue;
      }
      if (this.#queue.empty || !this.#ripe()) break;
      const slices = this.#queue.cut(this.#shape());
      const task = new Task(slices);
      this.#start(() => this.#write(task, null));
    }
    if (this.#busy === 0 && (this.#queue.empty || this.#stopped)) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #shape() {
    return { ...this.#host.limits.batch, records: this.#records };
  }

  /** Whether the next batch may begin now, or waits for more to join it. */
  #ripe(): boolean {
    const { linger } = this.#host.limits.batch;
    if (linger === 0 || this.#draining || this.#queue.full(this.#shape())) return true;
    const left = (this.#queue.since ?? 0) + linger - this.#host.clock.now();
    // More than it can be: the clock was set back.
    if (left <= 0 || left > linger) return true;
    this.#linger ??= this.#host.clock.after(left, () => {
      this.#linger = null;
      this.#pump();
    });
    return false;
  }

  /** Takes a lane for `work` and gives it back at its end. */
  #start(work: () => Promise<unknown>): void {
    this.#busy++;
    work()
      .catch((thrown) => {
        if (thrown !== STOPPED) this.#host.end(`the runtime failed: ${sentence(thrown)}`);
      })
      .finally(() => {
        this.#busy--;
        this.#pump();
      });
  }

  /** Ends when each of `refs` (null: all) has an outcome or a refusal. True: all were taken. */
  async #write(task: Task, refs: Uint32Array | null): Promise<boolean> {
    let rest = refs;
    let unknown = 0;
    for (let attempt = 1; ; attempt++) {
      const failure = await this.#attempt(task, rest, attempt);
      if (failure === null) return true;
      rest = task.open(rest);
      if (rest.length === 0) return true;
      if (failure.fault === "fatal") this.#fatal(failure.error);
      if (failure.fault === "redeliver") this.#redeliver(task, failure.error);
      if (failure.fault === "refused") return this.#split(task, rest, failure, rest.length === task.size);
      if (failure.fault === "unknown" && ++unknown >= UNKNOWN_TRIES) {
        if (await this.#suspect(task, rest, failure)) return false;
        rest = task.open(rest);
        if (rest.length === 0) return true;
        unknown = 0;
      }
      await this.#sleeper.retry(attempt, failure.error);
    }
  }

  async #attempt(task: Task, refs: Uint32Array | null, attempt: number): Promise<Failure | null> {
    const { clock, limits } = this.#host;
    if (task.slices.some(({ piece }) => piece.dropped)) {
      refs = task.open(refs);
      if (refs.length === 0) return null;
    }
    const before = refs?.length ?? task.size;
    const call = new HostCall("write", attempt, clock.now() + limits.ms.write, new BatchScope(), {
      settle: (ref, outcome, reason) => task.settle(ref, outcome, reason),
      full: () => {},
    });
    for (const { piece } of task.slices) {
      piece.calls++;
      if (attempt > 1) piece.counts.retries++;
    }
    const batch = task.batch(call.scope, refs) as never;
    try {
      await underDeadline(this.#host, call, "write", () => this.#writer.write(batch, call as never));
    } catch (error) {
      if (this.#stopped) throw STOPPED;
      if (task.open(refs).length < before) this.#passed();
      const fault = faultOf(error);
      return { fault: fault === "unknown" && call.aborted ? "retryable" : fault, error };
    } finally {
      for (const { piece } of task.slices) piece.calls--;
      this.#conclude(task);
    }
    if (this.#stopped) throw STOPPED;
    task.settleRest(refs);
    this.#conclude(task);
    this.#passed();
    this.#grow();
    return null;
  }

  /** Tells what has become of the task's pieces. Their memory may be used again then, so no call must be able to read it. */
  #conclude(task: Task): void {
    for (const { piece } of task.slices) {
      if (piece.calls > 0) continue;
      if (piece.open === 0) this.#host.settled(piece);
      else if (piece.dropped) this.#host.returned([piece], false, null);
    }
  }

  #passed(): void {
    this.#passes++;
    this.#refusals.believe();
    for (const tell of this.#onPass) tell();
  }

  #grow(): void {
    const { records } = this.#host.limits.batch;
    if (this.#records === records || ++this.#good < GOOD_BATCHES_TO_GROW) return;
    this.#good = 0;
    this.#records = Math.min(records, this.#records * 2);
  }

  /** The data is at fault: each half alone, down to one record. If both halves of a batch pass, size was at fault. */
  async #split(task: Task, refs: Uint32Array, failure: Failure, whole: boolean): Promise<boolean> {
    if (refs.length === 1) {
      this.#refuse(task, refs[0]!, failure.error, true);
      return false;
    }
    const [left, right] = halves(refs);
    const leftPassed = await this.#write(task, left);
    const rightPassed = await this.#write(task, right);
    if (whole && leftPassed && rightPassed) {
      this.#records = Math.max(1, Math.ceil(refs.length / 2));
      this.#good = 0;
    }
    return leftPassed && rightPassed;
  }

  /**
   * An error of unknown kind that stays is the data's fault only if something passes: a part of the batch, or else
   * another batch. False: the sink is at fault.
   */
  async #suspect(task: Task, refs: Uint32Array, failure: Failure): Promise<boolean> {
    const passes = this.#passes;
    for (let part = refs; part.length > 1 && this.#passes === passes; ) {
      const [left, right] = halves(part);
      const failed = await this.#attempt(task, left, 1);
      if (this.#passes === passes) await this.#attempt(task, right, 1);
      part = failed ? task.open(left) : left;
    }
    // A record that has the actor for itself cannot wait for others: what passed before must do.
    const alone = task.slices[0]!.piece.alone;
    if (this.#passes === passes && !(alone ? passes > 0 : await this.#othersPass())) return false;
    await this.#hunt(task, task.open(refs), failure);
    return true;
  }

  /** Narrows a failure down in a sink that has shown that it works. */
  async #hunt(task: Task, refs: Uint32Array, failure: Failure): Promise<void> {
    if (refs.length === 0) return;
    if (failure.fault !== "unknown" && failure.fault !== "refused") {
      await this.#write(task, refs);
    } else if (refs.length === 1) {
      await this.#condemn(task, refs, failure);
    } else {
      for (const half of halves(refs)) {
        const next = await this.#attempt(task, half, 1);
        if (next) await this.#hunt(task, task.open(half), next);
      }
    }
  }

  /** One record, in a sink that works: an error of unknown kind may still be a passing one. */
  async #condemn(task: Task, refs: Uint32Array, failure: Failure): Promise<void> {
    let last = failure;
    for (let attempt = 1; last.fault === "unknown" && attempt < UNKNOWN_TRIES; attempt++) {
      await this.#sleeper.retry(attempt, last.error);
      const next = await this.#attempt(task, refs, attempt + 1);
      if (next === null) return;
      last = next;
    }
    if (last.fault === "unknown" || last.fault === "refused") this.#refuse(task, refs[0]!, last.error, true);
    else await this.#write(task, refs);
  }

  /** Not even one record passes, for no known reason: lets other batches go ahead and sees whether one does. */
  async #othersPass(): Promise<boolean> {
    if (this.#draining) throw STOPPED;
    let passed = false;
    const [slept, wake] = this.#sleeper.sleep(CALL_BACKOFF.most);
    const told = () => {
      passed = true;
      wake();
    };
    this.#onPass.add(told);
    this.#busy--;
    this.#pump();
    await slept;
    this.#onPass.delete(told);
    const lane = new Promise<void>((resolve) => this.#lanes.push(resolve));
    this.#pump();
    await lane;
    return passed;
  }

  #refuse(task: Task, ref: number, error: unknown, certain: boolean): void {
    if (this.#refusals.add({ what: { task, ref }, error, certain })) return;
    this.#fatal(refusesAll(error));
  }

  #fatal(error: unknown): never {
    this.close();
    this.#host.fatal("write", error);
    throw STOPPED;
  }

  #redeliver(task: Task, error: unknown): never {
    const pieces = task.slices.map(({ piece }) => piece);
    this.#queue.discard(pieces);
    for (const piece of pieces) piece.dropped = true;
    const chunks = new Set(pieces.map(({ part }) => part.chunk));
    const behind = this.#queue.withdraw(({ part }) => chunks.has(part.chunk));
    this.#host.returned([...pieces.filter(({ calls }) => calls === 0), ...behind], false, error);
    throw STOPPED;
  }
}

function halves(refs: Uint32Array): [Uint32Array, Uint32Array] {
  const middle = refs.length >> 1;
  return [refs.subarray(0, middle), refs.subarray(middle)];
}

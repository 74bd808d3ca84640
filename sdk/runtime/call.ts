import { type BatchScope, refsOf, scopeOf } from "../record/index.ts";
import type { Batch, RecordBase } from "../record/types.ts";
import type { Call } from "../sink/definition.ts";
import type { Clock } from "./clock.ts";
import type { During, Host } from "./host.ts";
import type { Outcome } from "./piece.ts";

export class SinkCallError extends Error {
  readonly code = "SLUICE_SDK_CALL";
  override readonly name = "SinkCallError";
}

/** Where a call's progress goes. */
export interface Progress {
  settle(ref: number, outcome: Outcome, reason: string): void;
  full(): void;
}

const LONGEST_REASON = 500;

/** One call of the plugin: its deadline, and the progress that it tells. */
export class HostCall implements Call<never> {
  readonly attempt: number;
  readonly deadline: number;
  readonly scope: BatchScope;
  readonly #during: During;
  readonly #progress: Progress;
  #controller: AbortController | null = null;
  #aborted = false;
  #ended = false;

  constructor(during: During, attempt: number, deadline: number, scope: BatchScope, progress: Progress) {
    this.#during = during;
    this.attempt = attempt;
    this.deadline = deadline;
    this.scope = scope;
    this.#progress = progress;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort(timeoutError());
    return this.#controller.signal;
  }

  wrote(what: Batch<never> | RecordBase): void {
    if (this.#during !== "write")
      throw new SinkCallError(`wrote() has no meaning in ${this.#during}(): resolve instead`);
    this.#each(what, "written", "");
  }

  reject(what: Batch<never> | RecordBase | number, reason: string): void {
    this.#each(what, "rejected", String(reason).slice(0, LONGEST_REASON) || "rejected by the sink");
  }

  skip(what: Batch<never> | RecordBase): void {
    this.#each(what, "skipped", "");
  }

  full(): void {
    if (this.#during !== "add") throw new SinkCallError(`full() has no meaning in ${this.#during}()`);
    this.#progress.full();
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(timeoutError());
  }

  /** The call has settled: nothing more may be said through it. */
  end(): void {
    this.#ended = true;
    this.scope.end();
  }

  #each(what: Batch<never> | RecordBase | number, outcome: Outcome, reason: string): void {
    if (this.#ended) throw new SinkCallError("this call has settled: its outcome can no longer change");
    if (typeof what === "number") return this.#progress.settle(what, outcome, reason);
    if (scopeOf(what) !== this.scope) throw new SinkCallError("these records belong to another call");
    for (const ref of refsOf(what)) this.#progress.settle(ref, outcome, reason);
  }
}

function timeoutError(): DOMException {
  return new DOMException("The deadline of this call has passed", "TimeoutError");
}

/**
 * Runs one call under its deadline: the signal aborts then, and a call that does not settle within the grace ends the
 * thread, because it may still be reading the batch's memory. Rethrows what the call throws.
 */
export async function underDeadline(
  host: Pick<Host, "end" | "limits" | "meter"> & { clock: Clock },
  call: HostCall,
  name: During,
  run: () => void | Promise<void>,
): Promise<void> {
  const { clock, limits, meter } = host;
  let cancel = clock.after(call.deadline - clock.now(), () => {
    call.abort();
    cancel = clock.after(limits.ms.grace, () => {
      host.end(`${name}() neither finished by its deadline nor heeded its signal for ${limits.ms.grace} ms more`);
    });
  });
  const began = meter.began();
  let failed = true;
  try {
    await run();
    failed = false;
  } finally {
    meter.ended(began, failed);
    cancel();
    call.end();
  }
}

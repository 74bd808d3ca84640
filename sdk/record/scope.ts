/** How long a batch's memory may be looked at: until the call it was given to settles. */
export class BatchScope {
  live = true;
  private readonly last: (() => void)[] = [];

  /** Runs when the scope ends: to give memory back. */
  onEnd(action: () => void): void {
    this.last.push(action);
  }

  end(): void {
    if (!this.live) return;
    this.live = false;
    for (const action of this.last.splice(0)) action();
  }

  check(): void {
    if (!this.live) throw new BatchEnded();
  }
}

export class BatchEnded extends Error {
  readonly code = "SLUICE_SDK_BATCH_ENDED";

  constructor() {
    super(
      "This batch's call has settled and its memory is used again: read what you need before, and keep values or `ref`, not records",
    );
    this.name = "BatchEnded";
  }
}

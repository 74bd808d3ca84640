import type { Ready, Rejected } from "@sluice/sdk/runtime";
import type { ActorEvents, ActorState, Exit } from "../../actor/actor.ts";
import type { SentPiece } from "../../actor/body.ts";
import type { CrewActor } from "../crew.ts";

interface Held {
  part: SentPiece["part"];
  alone: boolean;
  released: boolean;
}

/** A plugin that asks for nothing special. */
export const READY: Ready = {
  t: "ready",
  api: 1,
  reads: "analytics",
  batch: null,
  gather: null,
  concurrency: 1,
  single: false,
  decodes: true,
};
const NO_COUNTS = { written: 0, filtered: 0, skipped: 0, retries: 0 };

/** An actor without a thread: does what the test says, and looks whether its memory still holds what it was given. */
export class FakeActor implements CrewActor {
  state: ActorState = "starting";
  heap = { heap: 0, external: 0 };
  cpuSeconds = 0;
  eventLoopUse = 0;
  limits: CrewActor["limits"] = null;
  readonly number: number;
  readonly events: ActorEvents;
  /** In its hands, by number, in the order of arrival. */
  readonly held = new Map<number, Held>();
  readonly revoked = new Set<number>();
  /** How long its plugin takes to close, ms; null: it does not. */
  closeMs: number | null = 0;
  #closed: Promise<void> | null = null;

  constructor(number: number, events: ActorEvents) {
    this.number = number;
    this.events = events;
  }

  forget(): void {}

  send(seq: number, part: SentPiece["part"], alone: boolean): void {
    const held = { part, alone, released: false };
    checkMemory(held);
    this.held.set(seq, held);
  }

  revoke(seqs: number[]): void {
    for (const seq of seqs) this.revoked.add(seq);
  }

  async measure(): Promise<null> {
    return null;
  }

  async startCpuProfile(): Promise<never> {
    throw new Error("it has no thread");
  }

  async drain(): Promise<void> {
    if (this.state === "open") this.state = "draining";
  }

  close(_reason: string, deadline: number): Promise<void> {
    this.#closed ??= this.#close(deadline);
    return this.#closed;
  }

  async #close(deadline: number): Promise<void> {
    if (this.state === "ended") return;
    this.state = "closing";
    const ms = Math.min(this.closeMs ?? Number.POSITIVE_INFINITY, Math.max(0, deadline - performance.now()));
    await new Promise((resolve) => setTimeout(resolve, ms));
    setTimeout(() => this.exit({ kind: "closed", reason: "closed" }), 1);
  }

  open(kind: "writer" | "gatherer"): void {
    if (this.state === "starting") {
      this.state = "opening";
      this.limits = this.events.ready(READY);
    }
    if (this.state !== "opening") return;
    this.state = "open";
    this.events.opened(kind);
  }

  release(seqs: readonly number[]): void {
    for (const seq of seqs) {
      const held = this.held.get(seq)!;
      checkMemory(held);
      held.released = true;
    }
    this.events.message({ t: "release", seqs: [...seqs] });
  }

  /** `rejected`: records by their index in the chunk. */
  settle(seqs: readonly number[], rejected: readonly Rejected[] = []): void {
    let written = -rejected.length;
    for (const seq of seqs) written += this.#give(seq).part.count;
    this.events.message({ t: "settled", seqs: [...seqs], rejected: [...rejected], counts: { ...NO_COUNTS, written } });
  }

  return(seqs: readonly number[], narrow = false, doubted = false): void {
    for (const seq of seqs) this.#give(seq);
    this.events.message({ t: "returned", seqs: [...seqs], narrow, doubted, error: null });
  }

  exit(exit: Exit): void {
    if (this.state === "ended") return;
    for (const held of this.held.values()) checkMemory(held);
    this.held.clear();
    this.state = "ended";
    this.events.exit(exit);
  }

  #give(seq: number): Held {
    const held = this.held.get(seq)!;
    checkMemory(held);
    this.held.delete(seq);
    return held;
  }
}

/** Every record must be the one that the part names: fakes of a list write them as chunk and index. */
function checkMemory({ part, released }: Held): void {
  if (released) return;
  const words = new Uint32Array(part.slab);
  for (let i = 0; i < part.count; i++) {
    const at = words[part.at / 4 + 2 * i]! / 4;
    if (words[at] !== Number(part.chunk) || words[at + 1] !== part.from + i) {
      throw new Error(`record ${part.from + i} of chunk ${part.chunk} was overwritten while an actor could read it`);
    }
  }
}

import {
  type AnalyticsRecord,
  type Batch,
  type Call,
  defineSink,
  Redeliver,
  Refused,
  Retryable,
  Type,
} from "@sluice/sdk";
import type { AnyDefinition } from "@sluice/sdk/runtime";
import type { Ledger } from "../ledger.ts";
import { numberOf } from "../records.ts";
import type { Thread } from "./body.ts";
import { type Counter, type FarEnd, type Item, Unwilling } from "./far-end.ts";

/** What a record does to its sink. */
export type Poison = "refused" | "rejected" | "thrown" | "crash" | "loop";

export interface SinkPlan {
  name: string;
  kind: "writer" | "counter";
  /** Of a batch, or of a gather. */
  records: number;
  /** How long a batch waits for more, or a gather is filled. */
  ms: number;
  concurrency: number;
  /** Of its destination, there and back each, at most. */
  latencyMs: number;
  actors: number;
  poison: { kind: Poison; numbers: ReadonlySet<number> };
}

interface Ends {
  farEnd: FarEnd;
  counter: Counter;
  ledger: Ledger;
}

/** A sink of the simulation: real code of a plugin, before a destination of the simulation. */
export function definitionOf(plan: SinkPlan, ends: Ends, thread: Thread): AnyDefinition {
  return (plan.kind === "writer"
    ? writer(plan, ends, thread)
    : counter(plan, ends, thread)) as unknown as AnyDefinition;
}

function writer({ name, records, ms, concurrency, poison }: SinkPlan, { farEnd, ledger }: Ends, thread: Thread) {
  return defineSink({
    type: name,
    config: Type.Object({}),
    batch: { records, linger: ms },
    concurrency,
    open: () =>
      opened(farEnd, thread, {
        async write(batch: Batch<AnalyticsRecord>, call: Call<AnalyticsRecord>) {
          const kept = await withoutPoison(batch, call, poison, thread);
          if (kept.size === 0) return;
          const items = itemsOf(kept, ledger);
          let taken: number;
          try {
            taken = await farEnd.ask(thread, items.length, (count, unheard) =>
              farEnd.note(thread, items.slice(0, count), unheard),
            );
          } catch (error) {
            throw judged(error);
          }
          // Its memory must still be what it was.
          itemsOf(kept, ledger);
          if (taken === items.length) return;
          call.wrote(kept.slice(0, taken));
          throw new Retryable("it took only a part");
        },
      }),
  });
}

/** Counts each record once, as the sinks do that write aggregates: with a mark for each chunk in the transaction of the counts. */
function counter({ name, records, ms, poison }: SinkPlan, { farEnd, counter: store, ledger }: Ends, thread: Thread) {
  class Gather {
    readonly #items: Item[] = [];
    readonly #marks = new Map<string, { from: number; to: number }>();
    #poisoned = false;

    async add(batch: Batch<AnalyticsRecord>, call: Call<AnalyticsRecord>) {
      const done = new Map<string, number>();
      const again = batch.parts.filter(({ redelivered }) => redelivered);
      if (again.length > 0) {
        try {
          await farEnd.ask(thread, 1, () => {
            for (const { chunk } of again) done.set(chunk, store.marks.get(chunk) ?? 0);
          });
        } catch (error) {
          throw judged(error);
        }
      }
      // What is counted is not looked at again, as in the sinks that Sluice brings.
      const fresh = batch.filter((record) => record.index >= (done.get(record.part.chunk) ?? 0));
      const sound = await withoutPoison(fresh, call, poison, thread, () => {
        this.#poisoned = true;
      });
      for (const record of sound) this.#items.push(itemOf(record, ledger));
      for (const { chunk, from, to } of batch.parts) {
        const start = this.#marks.get(chunk)?.from ?? Math.max(from, done.get(chunk) ?? 0);
        if (start < to) this.#marks.set(chunk, { from: start, to });
      }
    }

    async flush() {
      if (this.#poisoned) throw new Refused("this gather has poison in it");
      let late = false;
      try {
        await farEnd
          .ask(thread, 1, (taken, unheard) => {
            // A transaction is taken whole or not at all.
            if (taken === 0) return;
            late = [...this.#marks].some(([chunk, { from }]) => (store.marks.get(chunk) ?? 0) > from);
            if (late) return;
            for (const [chunk, { to }] of this.#marks) store.marks.set(chunk, to);
            for (const { n } of this.#items) store.counts.set(n, (store.counts.get(n) ?? 0) + 1);
            farEnd.note(thread, this.#items, unheard);
          })
          .then((taken) => {
            if (taken === 0) throw new Unwilling("away", "rolled back");
          });
      } catch (error) {
        throw judged(error);
      }
      if (late) throw new Redeliver("another owner was faster");
    }
  }
  return defineSink({
    type: name,
    config: Type.Object({}),
    gather: { records, ms },
    open: () => opened(farEnd, thread, { gather: () => new Gather() }),
  });
}

/** Some destinations cannot even be opened while they are away. */
async function opened<T>(farEnd: FarEnd, thread: Thread, sink: T): Promise<T> {
  if (farEnd.mode === "down" && thread.realm.random.chance(0.5)) throw new Retryable("nobody answers");
  return sink;
}

async function withoutPoison(
  batch: Batch<AnalyticsRecord>,
  call: Call<AnalyticsRecord>,
  { kind, numbers }: SinkPlan["poison"],
  thread: Thread,
  inFlush?: () => void,
): Promise<Batch<AnalyticsRecord>> {
  if (numbers.size === 0) return batch;
  const isPoison = (record: AnalyticsRecord) => numbers.has(numberOf(record));
  if (![...batch].some(isPoison)) return batch;
  switch (kind) {
    case "rejected":
      for (const record of batch) if (isPoison(record)) call.reject(record, "not for me");
      return batch.filter((record) => !isPoison(record));
    case "refused":
      if (!inFlush) throw new Refused("there is poison in it");
      inFlush();
      return batch;
    case "thrown":
      throw new TypeError("cannot read properties of poison");
    case "crash":
      thread.exit(3);
      return new Promise<never>(() => {});
    case "loop":
      thread.realm.stop();
      return new Promise<never>(() => {});
  }
}

function judged(error: unknown): unknown {
  if (!(error instanceof Unwilling) || error.kind === "garbage") return error;
  return new Retryable(error.message);
}

function itemsOf(batch: Batch<AnalyticsRecord>, ledger: Ledger): Item[] {
  return Array.from(batch, (record) => itemOf(record, ledger));
}

function itemOf(record: AnalyticsRecord, ledger: Ledger): Item {
  try {
    return { n: numberOf(record), id: record.id };
  } catch (error) {
    ledger.fault((error as Error).message);
    throw error;
  }
}

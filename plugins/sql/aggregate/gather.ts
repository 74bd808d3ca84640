import type { Batch, Call, Gather } from "@sluice/sdk";
import type { Aggregation } from "@sluice/sdk/aggregate";
import { Seen } from "../watermarks/seen.ts";
import type { AggregateStore } from "./store.ts";

/** So many counters, or so much memory, are written before more is counted. */
const MOST_COUNTERS = 100_000;
const MOST_BYTES = 32 << 20;

/** Some seconds of records, counted; each record once, however often it is delivered. */
export class AggregateGather implements Gather {
  readonly #store: AggregateStore;
  readonly #aggregation: Aggregation;
  readonly #seen: Seen;
  readonly #done: (aggregation: Aggregation) => void;

  /** `done` takes the aggregation back once it is written. */
  constructor(store: AggregateStore, sink: string, aggregation: Aggregation, done: (aggregation: Aggregation) => void) {
    this.#store = store;
    this.#aggregation = aggregation;
    this.#seen = new Seen(store.database.dialect, sink);
    this.#done = done;
  }

  async add(batch: Batch, call: Call): Promise<void> {
    await this.#seen.add(this.#store.database, batch);
    const again = batch.parts.some(({ redelivered }) => redelivered);
    const others = this.#aggregation.add(again ? batch.filter((record) => this.#seen.isNew(record)) : batch);
    if (others) call.skip(others);
    if (this.#aggregation.size >= MOST_COUNTERS || this.#aggregation.bytes >= MOST_BYTES) call.full();
  }

  async flush(call: Call): Promise<void> {
    if (!this.#seen.empty) {
      await this.#store.write(this.#aggregation.results(), call, (session) => this.#seen.commit(session));
    }
    this.#done(this.#aggregation);
  }
}

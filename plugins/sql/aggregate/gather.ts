import { type Batch, type Call, type Gather, Redeliver } from "@sluice/sdk";
import type { Aggregation } from "@sluice/sdk/aggregate";
import { Seen } from "../watermarks/seen.ts";
import type { GatherSize } from "./gather-size.ts";
import type { AggregateStore } from "./store.ts";

/** So much memory is written before more is counted. */
const MOST_BYTES = 64 << 20;

export interface GatherPlace {
  readonly store: AggregateStore;
  /** The sink's name: marks are a sink's own. */
  readonly sink: string;
  readonly size: GatherSize;
  /** Takes an aggregation back once it is written. */
  give(aggregation: Aggregation): void;
}

/** Some seconds of records, counted; each record once, however often it is delivered. */
export class AggregateGather implements Gather {
  readonly #place: GatherPlace;
  readonly #aggregation: Aggregation;
  readonly #seen: Seen;

  constructor(place: GatherPlace, aggregation: Aggregation) {
    this.#place = place;
    this.#aggregation = aggregation;
    this.#seen = new Seen(place.store.database.dialect, place.sink);
  }

  async add(batch: Batch, call: Call): Promise<void> {
    await this.#seen.add(this.#place.store.database, batch);
    const again = batch.parts.some(({ redelivered }) => redelivered);
    const others = this.#aggregation.add(again ? batch.filter((record) => this.#seen.isNew(record)) : batch);
    if (others) call.skip(others);
    if (this.#aggregation.size >= this.#place.size.most || this.#aggregation.bytes >= MOST_BYTES) call.full();
  }

  async flush(call: Call): Promise<void> {
    const { store, size, give } = this.#place;
    const aggregation = this.#aggregation;
    if (!this.#seen.empty) {
      try {
        await store.write(aggregation.results(), call, (session) => this.#seen.commit(session));
      } catch (error) {
        if (!call.signal.aborted) throw error;
        // As it is it would be late each time: its records come again, in smaller gathers.
        size.late(aggregation.size);
        throw new Redeliver(`${aggregation.size} rows were not written before the deadline`, { cause: error });
      }
    }
    size.written();
    give(aggregation);
  }
}

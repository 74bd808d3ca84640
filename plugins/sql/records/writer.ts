import type { AnalyticsRecord, Batch, Call, Writer } from "@sluice/sdk";
import type { Database, LoadColumn } from "../database/database.ts";
import { dayNamer } from "./day.ts";
import type { Tables } from "./tables.ts";

export interface RowPlan {
  readonly columns: readonly LoadColumn[];
  /** Which records have a row here. */
  readonly takes: (record: AnalyticsRecord) => boolean;
  /** A table for each day. */
  readonly sharded: boolean;
  /** Most rows of one statement. */
  readonly rows: number;
}

/** Writes a row for each record. */
export class RowWriter implements Writer {
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #plan: RowPlan;
  readonly #load: ReturnType<Database["loader"]>;
  readonly #dayOf = dayNamer();

  constructor(database: Database, tables: Tables, plan: RowPlan) {
    this.#database = database;
    this.#tables = tables;
    this.#plan = plan;
    this.#load = database.loader(plan.columns);
  }

  async write(batch: Batch, call: Call): Promise<void> {
    const own = this.#select(batch, call);
    if (own.size === 0) return;
    try {
      for (const [table, part] of await this.#shards(own)) {
        await this.#load(table, part, { until: call, rows: this.#plan.rows, done: (piece) => call.wrote(piece) });
      }
    } catch (error) {
      // The table may be gone, or have lost a column.
      this.#tables.forget();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #select(batch: Batch, call: Call): Batch {
    const own = batch.filter(this.#plan.takes);
    if (own.size === batch.size) return batch;
    for (const record of batch) if (!this.#plan.takes(record)) call.skip(record);
    return own;
  }

  async #shards(batch: Batch): Promise<[table: string, part: Batch][]> {
    if (!this.#plan.sharded) return [[await this.#tables.one(), batch]];
    const days = batch.groupBy(({ timestamp }) => this.#dayOf(timestamp));
    const shards: [string, Batch][] = [];
    for (const [day, part] of days) shards.push([await this.#tables.ofDay(day), part]);
    return shards;
  }
}

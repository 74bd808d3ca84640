import type { AnalyticsRecord, Batch, Call, Writer } from "@sluice/sdk";
import type { Database, Load, LoadColumn } from "../database/database.ts";
import { dayNamer } from "./day.ts";
import type { Tables } from "./tables.ts";
import type { Written } from "./written.ts";

export interface RowPlan {
  readonly columns: readonly LoadColumn[];
  /** Which records have a row here. */
  readonly takes: (record: AnalyticsRecord) => boolean;
  /** A table for each day. */
  readonly sharded: boolean;
  /** Most rows of one statement. */
  readonly rows: number;
  /** Where each record must be written once. */
  readonly written: Written | null;
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
      if (this.#plan.written) await this.#writeOnce(own, call, this.#plan.written);
      else {
        for (const [table, part] of await this.#shards(own)) {
          await this.#load(
            table,
            part,
            this.#job(call, (piece) => call.wrote(piece)),
          );
        }
      }
    } catch (error) {
      // The table may be gone, or have lost a column.
      this.#tables.forget();
      throw error;
    }
  }

  async #writeOnce(own: Batch, call: Call, written: Written): Promise<void> {
    try {
      const rest = await written.rest(own);
      if (rest.size === 0) return;
      // Ahead: MySQL commits what is open when a table is made.
      const shards = await this.#shards(rest);
      const committed = await this.#database.transaction(async (session) => {
        const remember = await written.write(session, own);
        for (const [table, part] of shards)
          await this.#load(
            table,
            part,
            this.#job(call, () => {}),
            session,
          );
        return remember;
      }, call);
      committed();
    } catch (error) {
      written.failed(own);
      throw error;
    }
  }

  #job(call: Call, done: Load["done"]): Load {
    return { until: call, rows: this.#plan.rows, done };
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

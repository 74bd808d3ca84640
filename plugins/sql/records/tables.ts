import type { Log } from "@sluice/sdk";
import type { Database } from "../database/database.ts";
import { quoteTable, type Table } from "../database/dialect.ts";
import { ensureIndex, migrate, migrateDays, today } from "../database/schema.ts";

/** What the tables of one sink look like. */
export interface TablePlan {
  /** The table, or what the tables of days begin with. */
  readonly name: string;
  readonly columns: Table["columns"];
  /** Columns of a day's table that get an index each. */
  readonly indexed: readonly string[];
}

/** Makes tables as they are needed, each once. */
export class Tables {
  readonly #database: Database;
  readonly #plan: TablePlan;
  readonly #ready = new Set<string>();

  constructor(database: Database, plan: TablePlan) {
    this.#database = database;
    this.#plan = plan;
  }

  /** The one table; made, or given the columns that it lacks. */
  async one(): Promise<string> {
    const { name } = this.#plan;
    if (!this.#ready.has(name)) await this.#migrate(name);
    this.#ready.add(name);
    return name;
  }

  /** The table of a day, with its indexes. */
  async ofDay(day: string): Promise<string> {
    const name = `${this.#plan.name}_${day}`;
    if (this.#ready.has(name)) return name;
    const isNew = await this.#migrate(name);
    // Nobody waits for an index of an empty table.
    if (isNew || (await this.#isEmpty(name))) await this.#index(name);
    // Records may be of any time.
    if (this.#ready.size > 1000) this.#ready.clear();
    this.#ready.add(name);
    return name;
  }

  /** The table of today, by the process's clock and zone. */
  async today(): Promise<void> {
    await this.ofDay(today());
  }

  /** Gives the tables of all days the columns that they lack. */
  migrateDays(log: Log): Promise<void> {
    return migrateDays(this.#database, this.#plan.name, log, (name) => this.#migrate(name));
  }

  /** They are not what they were: to be looked at again. */
  forget(): void {
    this.#ready.clear();
  }

  async #isEmpty(name: string): Promise<boolean> {
    const { dialect } = this.#database;
    return (await this.#database.query(`SELECT 1 FROM ${quoteTable(dialect, name)} LIMIT 1`)).rows.length === 0;
  }

  #migrate(name: string): Promise<boolean> {
    return migrate(this.#database, this.#database.dialect, { name, columns: this.#plan.columns });
  }

  async #index(name: string): Promise<void> {
    const table = { name, columns: this.#plan.columns };
    for (const column of this.#plan.indexed) {
      const index = { name: `${name}_idx_${column}`, columns: [column] };
      await ensureIndex(this.#database, this.#database.dialect, table, index);
    }
  }
}

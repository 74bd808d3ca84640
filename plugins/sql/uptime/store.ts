import type { Log } from "@sluice/sdk";
import { addUp } from "../aggregate/upsert.ts";
import { dimensionIndex } from "../counters/columns.ts";
import type { Database, Session, Until } from "../database/database.ts";
import type { Table } from "../database/dialect.ts";
import { ensureIndex, insertRows, migrate, migrateDays, today } from "../database/schema.ts";
import { MARKS } from "../watermarks/table.ts";
import type { Counter, UptimeCounters } from "./counters.ts";
import { rowOf, UPTIME_TABLE, uptimeTable } from "./table.ts";

/** The tables of one database, made as they are needed. */
export class UptimeStore {
  readonly database: Database;
  readonly #rows: number;
  readonly #ready = new Set<string>();

  /** `rows`: most rows of one statement. */
  constructor(database: Database, rows: number) {
    this.database = database;
    this.#rows = rows;
  }

  /** `days`: a table for each; `all`: those that are there get the columns that they lack; else there is one for today. */
  async open(days: boolean, all: boolean, log: Log): Promise<void> {
    const { database } = this;
    await this.#ensure(MARKS);
    if (!days) await this.#ensure(uptimeTable(""));
    else if (all)
      await migrateDays(database, UPTIME_TABLE, log, (name) =>
        this.#ensure(uptimeTable(name.slice(UPTIME_TABLE.length + 1))),
      );
    else
      await this.#ensure(uptimeTable(today())).catch((error: Error) =>
        log.warn(`There is no table for today yet: ${error.message}`),
      );
  }

  /** Adds up in one transaction, with what `also` does in it. */
  async write(counters: UptimeCounters, until: Until, also: (session: Session) => Promise<void>): Promise<void> {
    const { database } = this;
    // One order for all owners: no deadlock.
    const days = [...counters.days].sort(([a], [b]) => (a < b ? -1 : 1));
    // Ahead: MySQL commits what is open when a table is made.
    try {
      for (const table of [MARKS, ...days.map(([day]) => uptimeTable(day))]) await this.#ensure(table);
      await database.transaction(async (session) => {
        await also(session);
        for (const [day, rows] of days) await this.#add(session, uptimeTable(day), [...rows.values()]);
      }, until);
    } catch (error) {
      // Somebody may have dropped a table: the next try looks.
      this.#ready.clear();
      throw error;
    }
  }

  async #add(session: Session, table: Table, counters: readonly Counter[]): Promise<void> {
    const { dialect } = this.database;
    const names = table.columns.map(({ name }) => name);
    const conflict = addUp(dialect, table);
    const rows = counters.map((counter) => rowOf(dialect, counter)).sort(([a], [b]) => (a! < b! ? -1 : 1));
    const most = Math.min(this.#rows, Math.floor(dialect.maxParameters / names.length));
    for (let i = 0; i < rows.length; i += most) {
      const some = rows.slice(i, i + most);
      await session.query(`${insertRows(dialect, table.name, names, some.length)} ${conflict}`, some.flat());
    }
  }

  async #ensure(table: Table): Promise<void> {
    if (this.#ready.has(table.name)) return;
    const { database } = this;
    const isNew = await migrate(database, database.dialect, table);
    if (isNew && table !== MARKS) await ensureIndex(database, database.dialect, table, dimensionIndex(table));
    this.#ready.add(table.name);
  }
}

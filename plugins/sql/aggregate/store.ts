import { type AggregateGroup, type AggregateKind, combine } from "@sluice/sdk/aggregate";
import type { Database, Session, Until, Value } from "../database/database.ts";
import type { Dialect, Table } from "../database/dialect.ts";
import { ensureIndex, insertRows, migrate, shardsOf } from "../database/schema.ts";
import { MARKS } from "../watermarks/table.ts";
import { type Counted, columnValues } from "./rows.ts";
import { aggregateTable, dimensionIndex, tableName } from "./table.ts";
import { addUp } from "./upsert.ts";

export interface StoreOptions {
  readonly kind: AggregateKind;
  /** A table for each day. */
  readonly daily: boolean;
  /** Makes the index of the dashboard's queries. */
  readonly index: boolean;
  /** Most rows of one statement. */
  readonly rows: number;
}

/** A counter and its row's id. */
interface Place {
  readonly id: string;
  readonly group: AggregateGroup;
  readonly i: number;
}

/** The tables of one kind of aggregate in one database, made as they are needed. */
export class AggregateStore {
  readonly database: Database;
  readonly #options: StoreOptions;
  readonly #ready = new Map<string, Table>();

  constructor(database: Database, options: StoreOptions) {
    this.database = database;
    this.#options = options;
  }

  /** `all`: tables of days that are there get the columns that they lack. */
  async open(all: boolean): Promise<void> {
    const { database } = this;
    const { kind, daily } = this.#options;
    await migrate(database, database.dialect, MARKS);
    if (!daily) await this.#table("");
    if (!daily || !all) return;
    const base = tableName(kind);
    for (const name of await shardsOf(database, database.dialect, base)) await this.#table(name.slice(base.length + 1));
  }

  /** Adds up in one transaction, with what `also` does in it. */
  async write(
    groups: readonly AggregateGroup[],
    until: Until,
    also: (session: Session) => Promise<void>,
  ): Promise<void> {
    try {
      await this.#write(groups, until, also);
    } catch (error) {
      // Somebody may have dropped a table: the next try looks.
      this.#ready.clear();
      throw error;
    }
  }

  async #write(
    groups: readonly AggregateGroup[],
    until: Until,
    also: (session: Session) => Promise<void>,
  ): Promise<void> {
    const days = byDay(groups, this.#options.daily);
    const tables: [Table, Place[]][] = [];
    // Ahead: MySQL commits what is open when a table is made.
    for (const [day, places] of days) tables.push([await this.#table(day), places]);
    await this.database.transaction(async (session) => {
      await also(session);
      for (const [table, places] of tables) await this.#add(session, table, places);
    }, until);
  }

  async #add(session: Session, table: Table, places: readonly Place[]): Promise<void> {
    const { dialect } = this.database;
    const conflict = addUp(dialect, table);
    const parameters = dialect.insertColumns ? 1 : table.columns.length;
    const most = Math.min(this.#options.rows, Math.floor(dialect.maxParameters / parameters));
    for (let i = 0; i < places.length; ) {
      const rows: Counted[] = [];
      while (i < places.length && rows.length < most) {
        const { group, id } = places[i]!;
        let counter = group.at(places[i]!.i, id);
        // Ids are ambiguous, and a statement must not touch a row twice.
        while (places[++i]?.id === id) counter = combine(counter, places[i]!.group.at(places[i]!.i, id));
        rows.push({ counter, group });
      }
      const { sql, values } = insertOf(dialect, table, columnValues(dialect, table, rows));
      await session.query(`${sql} ${conflict}`, values);
    }
  }

  /** Makes the index of the one table, without holding up writers where the database can. Takes long where there are many rows. */
  async index(): Promise<void> {
    const { database } = this;
    const { kind, daily, index } = this.#options;
    const table = aggregateTable(kind, "");
    if (index && !daily) await ensureIndex(database, database.dialect, table, dimensionIndex(table), true);
  }

  async #table(day: string): Promise<Table> {
    const known = this.#ready.get(day);
    if (known) return known;
    const { database } = this;
    const { kind, index } = this.#options;
    const table = aggregateTable(kind, day);
    await migrate(database, database.dialect, table);
    if (index && day !== "") await ensureIndex(database, database.dialect, table, dimensionIndex(table));
    this.#ready.set(day, table);
    return table;
  }
}

function insertOf(dialect: Dialect, table: Table, columns: readonly Value[][]): { sql: string; values: Value[] } {
  if (dialect.insertColumns) return dialect.insertColumns(table, columns);
  const rows = columns[0]!.map((_, i) => columns.map((list) => list[i]!));
  const names = table.columns.map(({ name }) => name);
  return { sql: insertRows(dialect, table.name, names, rows.length), values: rows.flat() };
}

/** By day ("" where all have one table), in one order for all owners: no deadlock. */
function byDay(groups: readonly AggregateGroup[], daily: boolean): [string, Place[]][] {
  const days = new Map<string, Place[]>();
  for (const group of groups) {
    const day = daily ? group.bucket.text("YYYYMMDD") : "";
    const places = days.get(day) ?? [];
    days.set(day, places);
    for (let i = 0; i < group.size; i++) places.push({ id: group.id(i), group, i });
  }
  for (const places of days.values()) places.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1));
}

import type { Log } from "@sluice/sdk";
import type { AggregateGroup, AggregateKind } from "@sluice/sdk/aggregate";
import type { Database, Session, Until } from "../database/database.ts";
import type { Table } from "../database/dialect.ts";
import { ensureIndex, ensureIndexApart, migrate, migrateDays, today } from "../database/schema.ts";
import { rowBufferOf } from "../database/value-rows.ts";
import { MARKS } from "../watermarks/table.ts";
import { rowMaker } from "./rows.ts";
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
  #marked = false;

  constructor(database: Database, options: StoreOptions) {
    this.database = database;
    this.#options = options;
  }

  /** `all`: tables of days that are there get the columns that they lack; else there is one for today. */
  async open(all: boolean, log: Log): Promise<void> {
    const { database } = this;
    const { kind, daily } = this.#options;
    await this.#marks();
    const base = tableName(kind);
    if (!daily) await this.#table("");
    else if (all) await migrateDays(database, base, log, (name) => this.#table(name.slice(base.length + 1)));
    else if (kind !== "graphql")
      await this.#table(today()).catch((error: Error) => log.warn(`There is no table for today yet: ${error.message}`));
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
      this.#marked = false;
      throw error;
    }
  }

  async #write(
    groups: readonly AggregateGroup[],
    until: Until,
    also: (session: Session) => Promise<void>,
  ): Promise<void> {
    const days = byDay(groups, this.#options.daily);
    const tables: [Table, AggregateGroup[]][] = [];
    // Ahead: MySQL commits what is open when a table is made.
    await this.#marks();
    for (const [day, some] of days) tables.push([await this.#table(day), some]);
    await this.database.transaction(async (session) => {
      await also(session);
      for (const [table, some] of tables) await this.#add(session, table, some);
    }, until);
  }

  async #add(session: Session, table: Table, groups: readonly AggregateGroup[]): Promise<void> {
    const { dialect } = this.database;
    const conflict = addUp(dialect, table);
    const make = rowMaker(dialect, table);
    const rows = rowBufferOf(dialect, table);
    const most = this.#options.rows;
    const ids = new Set<string>();
    const write = async () => {
      const { sql, values } = rows.take();
      ids.clear();
      await session.query(`${sql} ${conflict}`, values);
    };
    let places: Iterable<Place> = placesOf(groups);
    let later: Place[];
    do {
      later = [];
      for (const place of places) {
        const { id, group, i } = place;
        if (rows.size >= most || rows.full) await write();
        // Ids are ambiguous, and a statement must not touch a row twice. Those rows are locked by then, so that their order does not matter.
        if (ids.has(id)) later.push(place);
        else {
          ids.add(id);
          rows.add(make(group.at(i, id), group));
        }
      }
      if (rows.size > 0) await write();
      places = later;
    } while (later.length > 0);
  }

  /** Makes the index of the one table, without holding up writers where the database can. Takes long where there are many rows. */
  async index(): Promise<void> {
    const { database } = this;
    const { kind, daily, index } = this.#options;
    const table = aggregateTable(kind, "");
    if (index && !daily) await ensureIndexApart(database, table, dimensionIndex(table));
  }

  async #marks(): Promise<void> {
    if (!this.#marked) await migrate(this.database, this.database.dialect, MARKS);
    this.#marked = true;
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

/** By day ("" where all have one table), in one order for all owners: no deadlock. */
function byDay(groups: readonly AggregateGroup[], daily: boolean): [string, AggregateGroup[]][] {
  const days = new Map<string, AggregateGroup[]>();
  for (const group of groups) {
    const day = daily ? group.bucket.text("YYYYMMDD") : "";
    const some = days.get(day);
    if (some) some.push(group);
    else days.set(day, [group]);
  }
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** All owners meet the rows in this order. Only the ids of one bucket and owner are held at a time. */
function* placesOf(groups: readonly AggregateGroup[]): Iterable<Place> {
  const sorted = groups.toSorted(inOrder);
  for (let next = 0; next < sorted.length; ) {
    const places: Place[] = [];
    const first = sorted[next]!;
    while (next < sorted.length && inOrder(first, sorted[next]!) === 0) {
      const group = sorted[next++]!;
      for (let i = 0; i < group.size; i++) places.push({ id: group.id(i), group, i });
    }
    yield* places.sort((a, b) => compare(a.id, b.id));
  }
}

function inOrder(a: AggregateGroup, b: AggregateGroup): number {
  return a.bucket.seconds - b.bucket.seconds || compare(a.org, b.org) || compare(a.api, b.api);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

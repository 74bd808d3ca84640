import type { Log } from "@sluice/sdk";
import type { Database, Session } from "./database.ts";
import { type Column, type Dialect, type Index, quoteTable, type Table } from "./dialect.ts";

/** The statement that makes a table as the reference does. */
export function createTable(dialect: Dialect, table: Table): string {
  const columns = table.columns.map((column) => definition(dialect, column));
  if (table.primaryKey) columns.push(`PRIMARY KEY (${table.primaryKey.map(dialect.quote).join(", ")})`);
  return `CREATE TABLE IF NOT EXISTS ${quoteTable(dialect, table.name)} (${columns.join(", ")})`;
}

function definition(dialect: Dialect, { name, type }: Column): string {
  return `${dialect.quote(name)} ${dialect.types[type]}`;
}

/** Names of a table's columns; null: there is no such table. */
export async function columnsOf(session: Session, dialect: Dialect, table: string): Promise<Set<string> | null> {
  const { sql, values } = dialect.catalogue.columns(table);
  const { rows } = await session.query(sql, values);
  return rows.length === 0 ? null : new Set(rows.map(({ name }) => String(name)));
}

/**
 * Makes the table, or adds the columns that it lacks; what else it has stays as it is. Resolves with whether it is new. Safe beside
 * others that do the same.
 */
export async function migrate(session: Session, dialect: Dialect, table: Table): Promise<boolean> {
  const existing = await columnsOf(session, dialect, table.name);
  if (!existing) {
    await unlessThere(dialect, () => session.query(createTable(dialect, table)));
    return true;
  }
  const spelled = (name: string) => (dialect.foldsCase ? name.toLowerCase() : name);
  const known = new Set([...existing].map(spelled));
  for (const column of table.columns) {
    if (known.has(spelled(column.name))) continue;
    const sql = `ALTER TABLE ${quoteTable(dialect, table.name)} ADD ${definition(dialect, column)}`;
    await unlessThere(dialect, () => session.query(sql));
  }
  return false;
}

/** Looks first: whoever may write to a table that somebody else has made need not be allowed to make an index. */
export async function ensureIndex(session: Session, dialect: Dialect, table: Table, index: Index): Promise<void> {
  const { sql, values } = dialect.catalogue.index(table.name, index.name);
  if ((await session.query(sql, values)).rows.length > 0) return;
  await unlessThere(dialect, () => session.query(dialect.createIndex(table, index)));
}

/** The same, without holding up writers where the database can. */
export async function ensureIndexApart(database: Database, table: Table, index: Index): Promise<void> {
  const { dialect } = database;
  if (!dialect.indexApart) return ensureIndex(database, dialect, table, index);
  await database.session((session) => dialect.indexApart!(session, table, index));
}

/** Migrates tables of days. What fails is a warning: those of past days may be somebody else's by now. */
export async function migrateDays(
  database: Database,
  prefix: string,
  log: Log,
  migrateOne: (name: string) => Promise<unknown>,
): Promise<void> {
  for (const name of await shardsOf(database, database.dialect, prefix)) {
    try {
      await migrateOne(name);
    } catch (error) {
      log.warn(`The table ${name} keeps its columns: ${(error as Error).message}`);
    }
  }
}

/** Two owners make the same thing at the same time: the second finds it there. */
async function unlessThere(dialect: Dialect, make: () => Promise<unknown>): Promise<void> {
  try {
    await make();
  } catch (error) {
    if (!dialect.isThere((error as Error).cause)) throw error;
  }
}

/** Today as such a table has it, by the process's clock and zone. */
export function today(): string {
  const now = new Date();
  const two = (n: number) => String(n).padStart(2, "0");
  return `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
}

/** All tables `<prefix>_YYYYMMDD`. */
export async function shardsOf(session: Session, dialect: Dialect, prefix: string): Promise<string[]> {
  const { rows } = await session.query(dialect.catalogue.tables);
  return rows.map(({ name }) => String(name)).filter((name) => isShard(name, prefix));
}

function isShard(name: string, prefix: string): boolean {
  if (!name.startsWith(`${prefix}_`)) return false;
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)$/.exec(name.slice(prefix.length + 1)) ?? [];
  if (year === undefined) return false;
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day);
}

/** The statement that puts `rows` rows into a table, by parameters in the order of the columns. */
export function insertRows(dialect: Dialect, table: string, columns: readonly string[], rows: number): string {
  let n = 0;
  const values = Array.from({ length: rows }, () => `(${columns.map(() => dialect.parameter(++n)).join(",")})`);
  return `INSERT INTO ${quoteTable(dialect, table)} (${columns.map(dialect.quote).join(",")}) VALUES ${values.join(",")}`;
}

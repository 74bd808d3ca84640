import { Redeliver } from "@sluice/sdk";
import type { Session } from "../database/database.ts";
import { type Dialect, quoteTable, type Table } from "../database/dialect.ts";
import { insertRows } from "../database/schema.ts";

/** How far each sink has counted each chunk: a row is written in the transaction of the rows that it speaks of. */
export const MARKS: Table = {
  name: "sluice_watermarks",
  columns: [
    { name: "sink", type: "key" },
    { name: "chunk", type: "key" },
    { name: "upto", type: "integer" },
    // Unix seconds.
    { name: "written", type: "integer" },
  ],
  primaryKey: ["sink", "chunk"],
};

const NAMES = MARKS.columns.map(({ name }) => name);
/** Chunks of one statement. */
const ROWS = 500;

/** Records [from, to) of a chunk. */
export interface Stretch {
  chunk: string;
  from: number;
  to: number;
}

/** How far these chunks are counted; those of which nothing is are left out. */
export async function readMarks(
  session: Session,
  dialect: Dialect,
  sink: string,
  chunks: readonly string[],
): Promise<Map<string, number>> {
  const marks = new Map<string, number>();
  for (const some of inGroups(chunks)) {
    const list = some.map((_, i) => dialect.parameter(i + 2)).join(", ");
    const { rows } = await session.query(
      `SELECT chunk, upto FROM ${quoteTable(dialect, MARKS.name)} WHERE sink = ${dialect.parameter(1)} AND chunk IN (${list})`,
      [sink, ...some],
    );
    for (const { chunk, upto } of rows) marks.set(String(chunk), Number(upto));
  }
  return marks;
}

/**
 * To be called in the transaction of the rows: locks the marks of these chunks, sees that nobody has counted further than where each
 * stretch begins, and moves them to its end. Throws Redeliver where another owner was faster.
 */
export async function advanceMarks(
  session: Session,
  dialect: Dialect,
  sink: string,
  stretches: readonly Stretch[],
): Promise<void> {
  const { quote } = dialect;
  const written = dialect.incoming("written");
  // Writing the row locks it; what it says is read behind that. MySQL shows a transaction that has read before nothing newer but what it
  // has changed itself: so it is changed, also within the second of its last change.
  const lock = `${quote("written")} = CASE WHEN ${quoteTable(dialect, MARKS.name)}.${quote("written")} = ${written} THEN ${written} + 1 ELSE ${written} END`;
  const move = `${quote("upto")} = ${dialect.incoming("upto")}`;
  // One order for all owners: no deadlock.
  const sorted = stretches.toSorted((a, b) => (a.chunk < b.chunk ? -1 : 1));
  for (const some of inGroups(sorted)) {
    await write(
      session,
      dialect,
      sink,
      some.map(({ chunk, from }) => [chunk, from]),
      lock,
    );
    const chunks = some.map(({ chunk }) => chunk);
    const marks = await readMarks(session, dialect, sink, chunks);
    for (const { chunk, from } of some) {
      if ((marks.get(chunk) ?? from) <= from) continue;
      throw new Redeliver(`another owner has counted chunk ${chunk} up to record ${marks.get(chunk)}`);
    }
    await write(
      session,
      dialect,
      sink,
      some.map(({ chunk, to }) => [chunk, to]),
      move,
    );
  }
}

async function write(
  session: Session,
  dialect: Dialect,
  sink: string,
  marks: readonly (readonly [chunk: string, upto: number])[],
  assignment: string,
): Promise<void> {
  const conflict = dialect.onConflict(MARKS.primaryKey!, [assignment]);
  const now = Math.floor(Date.now() / 1000);
  await session.query(
    `${insertRows(dialect, MARKS.name, NAMES, marks.length)} ${conflict}`,
    marks.flatMap(([chunk, upto]) => [sink, chunk, upto, now]),
  );
}

/** Forgets the marks that this sink has not moved for so long: their chunks come no more. */
export async function dropMarks(session: Session, dialect: Dialect, sink: string, seconds: number): Promise<void> {
  await session.query(
    `DELETE FROM ${quoteTable(dialect, MARKS.name)} WHERE sink = ${dialect.parameter(1)} AND written < ${dialect.parameter(2)}`,
    [sink, Math.floor(Date.now() / 1000) - seconds],
  );
}

function inGroups<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / ROWS) }, (_, i) => items.slice(i * ROWS, (i + 1) * ROWS) as T[]);
}

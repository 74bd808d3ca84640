import { type Batch, Redeliver } from "@sluice/sdk";
import type { Database, Session } from "../database/database.ts";
import { quoteTable, type Table } from "../database/dialect.ts";
import { insertRows, migrate } from "../database/schema.ts";
import { formatRanges, includes, parseRanges, type Ranges, unite } from "./ranges.ts";

/** Which records of each chunk have their row: written in the transaction of the rows. */
const WRITTEN: Table = {
  name: "sluice_written",
  columns: [
    { name: "sink", type: "key" },
    { name: "chunk", type: "key" },
    { name: "records", type: "text" },
    // Unix seconds.
    { name: "at", type: "integer" },
  ],
  primaryKey: ["sink", "chunk"],
};

const NAMES = WRITTEN.columns.map(({ name }) => name);
/** Chunks that are remembered: more than the host has in hand. */
const MOST = 5000;

/** What a chunk's entry was, and becomes. */
interface Step {
  readonly chunk: string;
  /** Null: there is none. */
  readonly before: Ranges | null;
  readonly after: Ranges;
}

/**
 * Lets each record be written once, however often it comes: what was written before is left out, and an entry that is not as expected
 * says that another owner of the chunk was faster.
 */
export class Written {
  readonly #database: Database;
  readonly #sink: string;
  /** Entries as we have left them. */
  readonly #known = new Map<string, Ranges | null>();
  /** Chunks of calls that have failed: whether that committed is not known, and they come again in pieces. */
  readonly #failed = new Set<string>();
  /** Whether its table is there, as far as we know. */
  #ready = false;

  private constructor(database: Database, sink: string) {
    this.#database = database;
    this.#sink = sink;
  }

  static async open(database: Database, sink: string): Promise<Written> {
    const written = new Written(database, sink);
    await written.#ensure();
    return written;
  }

  /** Those without a row. */
  async rest(batch: Batch): Promise<Batch> {
    await this.#ensure();
    const unknown = new Set<string>();
    for (const { chunk, redelivered } of batch.parts) {
      if (this.#known.has(chunk)) continue;
      if (redelivered || this.#failed.has(chunk)) unknown.add(chunk);
      else this.#known.set(chunk, null);
    }
    if (unknown.size > 0) await this.#read([...unknown]);
    const entries = batch.parts.map(({ chunk }) => this.#known.get(chunk));
    if (entries.every((ranges) => !ranges)) return batch;
    return batch.filter(({ part, index }) => !includes(this.#known.get(part.chunk) ?? [], index));
  }

  /** In the transaction of their rows. Throws Redeliver. Gives what is to be called once it has committed. */
  async write(session: Session, batch: Batch): Promise<() => void> {
    const steps = this.#steps(batch);
    const now = Math.floor(Date.now() / 1000);
    const added = steps.filter(({ before }) => before === null);
    if (added.length > 0) await this.#add(session, added, now);
    for (const step of steps) if (step.before !== null) await this.#change(session, step, now);
    return () => {
      for (const { chunk, after } of steps) this.#remember(chunk, after);
    };
  }

  /** A call with these has failed. */
  failed(batch: Batch): void {
    this.#ready = false;
    for (const { chunk } of batch.parts) {
      this.#known.delete(chunk);
      this.#failed.add(chunk);
    }
    for (const chunk of this.#failed) {
      if (this.#failed.size <= MOST) break;
      this.#failed.delete(chunk);
    }
  }

  /** Forgets chunks that were written so long ago: they come no more. */
  async forget(seconds: number): Promise<void> {
    const { dialect } = this.#database;
    const [sink, at] = [1, 2].map((n) => dialect.parameter(n));
    await this.#database.query(
      `DELETE FROM ${quoteTable(dialect, WRITTEN.name)} WHERE sink = ${sink} AND ${dialect.quote("at")} < ${at}`,
      [this.#sink, Math.floor(Date.now() / 1000) - seconds],
    );
  }

  async #ensure(): Promise<void> {
    if (!this.#ready) await migrate(this.#database, this.#database.dialect, WRITTEN);
    this.#ready = true;
  }

  #steps(batch: Batch): Step[] {
    const ranges = new Map<string, Ranges>();
    const add = (chunk: string, from: number, to: number) =>
      ranges.set(chunk, unite(ranges.get(chunk) ?? [], [[from, to]]));
    // A whole piece is done with all that filters took out of it; of a chunk that comes again in pieces only what is here.
    for (const { chunk, from, to } of batch.parts) if (!this.#failed.has(chunk)) add(chunk, from, to);
    if (ranges.size < new Set(batch.parts.map(({ chunk }) => chunk)).size) {
      for (const { part, index } of batch) if (this.#failed.has(part.chunk)) add(part.chunk, index, index + 1);
    }
    // One order for all owners: no deadlock.
    return [...ranges]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([chunk, records]) => {
        const before = this.#known.get(chunk) ?? null;
        return { chunk, before, after: unite(before ?? [], records) };
      });
  }

  async #read(chunks: readonly string[]): Promise<void> {
    const { dialect } = this.#database;
    const list = chunks.map((_, i) => dialect.parameter(i + 2)).join(", ");
    const { rows } = await this.#database.query(
      `SELECT chunk, records FROM ${quoteTable(dialect, WRITTEN.name)} WHERE sink = ${dialect.parameter(1)} AND chunk IN (${list})`,
      [this.#sink, ...chunks],
    );
    const found = new Map(rows.map(({ chunk, records }) => [String(chunk), parseRanges(String(records))]));
    for (const chunk of chunks) this.#remember(chunk, found.get(chunk) ?? null);
  }

  async #add(session: Session, steps: readonly Step[], now: number): Promise<void> {
    const { dialect } = this.#database;
    const values = steps.flatMap(({ chunk, after }) => [this.#sink, chunk, formatRanges(after), now]);
    try {
      await session.query(insertRows(dialect, WRITTEN.name, NAMES, steps.length), values);
    } catch (error) {
      if (!dialect.isThere(error)) throw error;
      throw new Redeliver("another owner of a chunk has written some of its records", { cause: error });
    }
  }

  async #change(session: Session, { chunk, before, after }: Step, now: number): Promise<void> {
    const { dialect } = this.#database;
    const [records, at, sink, name, expected] = [1, 2, 3, 4, 5].map((n) => dialect.parameter(n));
    const { changed } = await session.query(
      `UPDATE ${quoteTable(dialect, WRITTEN.name)} SET records = ${records}, ${dialect.quote("at")} = ${at} WHERE sink = ${sink} AND chunk = ${name} AND records = ${expected}`,
      [formatRanges(after), now, this.#sink, chunk, formatRanges(before!)],
    );
    if (changed !== 1) throw new Redeliver(`another owner has written records of chunk ${chunk}`);
  }

  #remember(chunk: string, ranges: Ranges | null): void {
    this.#known.delete(chunk);
    this.#known.set(chunk, ranges);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MOST) break;
      this.#known.delete(oldest);
    }
  }
}

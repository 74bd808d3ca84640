import type { Batch, Part, RecordBase } from "@sluice/sdk";
import type { Session } from "../database/database.ts";
import type { Dialect } from "../database/dialect.ts";
import { migrate } from "../database/schema.ts";
import { advanceMarks, MARKS, readMarks, type Stretch } from "./table.ts";

/** What of each chunk one gather has in it, and what of redelivered chunks was counted before. */
export class Seen {
  readonly #dialect: Dialect;
  readonly #sink: string;
  readonly #stretches = new Map<string, Stretch>();
  #done = new Map<string, number>();

  constructor(dialect: Dialect, sink: string) {
    this.#dialect = dialect;
    this.#sink = sink;
  }

  /** Takes a batch's parts in. Afterwards `isNew` tells of its records. */
  async add<R>(session: Session, batch: Batch<R>): Promise<void> {
    const again = new Set(batch.parts.filter(({ redelivered }) => redelivered).map(({ chunk }) => chunk));
    this.#done = again.size === 0 ? new Map() : await this.#read(session, [...again]);
    for (const part of batch.parts) this.#extend(part);
  }

  /** Whether no transaction has counted this record of the batch yet. */
  isNew(record: RecordBase): boolean {
    return this.#done.size === 0 || record.index >= (this.#done.get(record.part.chunk) ?? 0);
  }

  get empty(): boolean {
    return this.#stretches.size === 0;
  }

  /** In the transaction of the rows. Throws Redeliver where another owner was faster. */
  commit(session: Session): Promise<void> {
    return advanceMarks(session, this.#dialect, this.#sink, [...this.#stretches.values()]);
  }

  async #read(session: Session, chunks: readonly string[]): Promise<Map<string, number>> {
    try {
      return await readMarks(session, this.#dialect, this.#sink, chunks);
    } catch (error) {
      // Somebody may have dropped the table: the next try finds it.
      await migrate(session, this.#dialect, MARKS);
      throw error;
    }
  }

  #extend({ chunk, from, to }: Part): void {
    const known = this.#stretches.get(chunk);
    if (known) {
      known.to = Math.max(known.to, to);
      return;
    }
    const start = Math.max(from, this.#done.get(chunk) ?? 0);
    if (start < to) this.#stretches.set(chunk, { chunk, from: start, to });
  }
}

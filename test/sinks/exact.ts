import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { type Batch, type Call, defineSink, type Gather, Redeliver, Type } from "@sluice/sdk";

/**
 * A gathering sink that counts each record exactly once, also when a chunk comes twice, in other pieces, or to two
 * owners: the counts and a watermark for each chunk are written in one transaction.
 */
class Count implements Gather {
  readonly #db: DatabaseSync;
  readonly #crashAt: number;
  /** While it is there, poison is refused. */
  readonly #strict: string;
  #hits = new Map<string, number>();
  #marks = new Map<string, { from: number; to: number }>();

  constructor(db: DatabaseSync, crashAt: number, strict: string) {
    this.#db = db;
    this.#strict = strict;
    this.#crashAt = crashAt;
  }

  add(batch: Batch, call: Call): void {
    const done = new Map<string, number>();
    const find = this.#db.prepare("SELECT upto FROM marks WHERE chunk = ?");
    for (const { chunk, redelivered } of batch.parts) {
      const upto = redelivered ? find.get(chunk)?.upto : undefined;
      if (typeof upto === "number") done.set(chunk, upto);
    }
    for (const record of batch) {
      if (record.index < (done.get(record.part.chunk) ?? 0)) continue;
      if (record.path === "/poison" && existsSync(this.#strict)) {
        call.reject(record, "no poison yet");
        continue;
      }
      this.#hits.set(record.apiId, (this.#hits.get(record.apiId) ?? 0) + 1);
    }
    for (const { chunk, from, to } of batch.parts) {
      const start = this.#marks.get(chunk)?.from ?? Math.max(from, done.get(chunk) ?? 0);
      if (start < to) this.#marks.set(chunk, { from: start, to });
    }
  }

  async flush(): Promise<void> {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const find = this.#db.prepare("SELECT upto FROM marks WHERE chunk = ?");
      const mark = this.#db.prepare(
        "INSERT INTO marks VALUES (?, ?) ON CONFLICT (chunk) DO UPDATE SET upto = excluded.upto",
      );
      for (const [chunk, { from, to }] of this.#marks) {
        const upto = find.get(chunk)?.upto;
        if (typeof upto === "number" && upto > from) throw new Redeliver("another owner was faster");
        mark.run(chunk, to);
      }
      const add = this.#db.prepare("INSERT INTO hits VALUES (?, ?) ON CONFLICT (api) DO UPDATE SET n = n + excluded.n");
      for (const [api, n] of this.#hits) add.run(api, n);
      if (Math.random() < this.#crashAt) process.exit(4);
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
    if (Math.random() < this.#crashAt) process.exit(5);
  }
}

export default defineSink({
  type: "exact",
  config: Type.Object({ file: Type.String(), crash: Type.Optional(Type.Number()) }),
  gather: { ms: 50, records: 3000 },
  async open({ config }) {
    const db = new DatabaseSync(config.file);
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; CREATE TABLE IF NOT EXISTS hits (api TEXT PRIMARY KEY, n INTEGER);
      CREATE TABLE IF NOT EXISTS marks (chunk TEXT PRIMARY KEY, upto INTEGER)`);
    return { gather: () => new Count(db, config.crash ?? 0, `${config.file}.strict`), close: async () => db.close() };
  },
});

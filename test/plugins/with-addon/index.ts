import { join } from "node:path";
import { defineSink, Fatal, Retryable, Type } from "@sluice/sdk";
import Database from "better-sqlite3";

/** A row a record under its identity: what is delivered again changes nothing. */
export default defineSink({
  type: "row-store",
  config: Type.Object({
    // A folder: SQLite keeps more than one file, and the library looks whether it is there.
    folder: Type.String({
      minLength: 1,
      path: "write",
      description: "rows.db is kept here; the folder must be there.",
    }),
  }),
  async open({ config }) {
    let db: Database.Database;
    try {
      db = new Database(join(config.folder, "rows.db"), { timeout: 100 });
    } catch (cause) {
      throw new Fatal(`The database in ${config.folder} cannot be opened`, { cause });
    }
    db.pragma("journal_mode = WAL");
    db.exec("CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, path TEXT, code INTEGER)");
    const insert = db.prepare("INSERT OR IGNORE INTO rows VALUES (?, ?, ?)");
    return {
      async write(batch) {
        try {
          db.transaction(() => {
            for (const record of batch) insert.run(record.id, record.path, record.responseCode);
          })();
        } catch (cause) {
          throw (cause as { code?: string }).code === "SQLITE_BUSY"
            ? new Retryable("the database is locked", { cause })
            : cause;
        }
      },
      async close() {
        db.close();
      },
    };
  },
});

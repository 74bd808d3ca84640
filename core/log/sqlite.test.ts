import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformance, type Engine } from "./conformance.ts";
import { openSqliteLog, type SqliteLog } from "./sqlite.ts";

async function start(): Promise<{ engine: Engine; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
  let current: SqliteLog;
  const engine: Engine = {
    chunkRecords: 1000,
    leaseMs: 150,
    create(lists) {
      current = openSqliteLog({ folder, leaseMs: 150, chunkRecords: 1000, chunkBytes: 4_000_000 }, { lists });
      return current;
    },
    async push(log, list, records) {
      (log as SqliteLog).append(list, records);
    },
    async stored(list) {
      return (await current.lists.find(({ name }) => name === list)!.lag("nobody")).records;
    },
    crash: (log) => log.close(),
  };
  return { engine, stop: () => rm(folder, { recursive: true, force: true }) };
}

conformance("SQLite", start);

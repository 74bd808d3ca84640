import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "vitest";
import { crashedAt, LIFE, run, type Step, steps } from "./model.ts";
import { openSqliteLog, type SqliteLog } from "./sqlite.ts";

const LIST = { name: "analytics-tyk-system-analytics", wire: "msgpack" as const };
const LEASE_MS = 20;

test("delivery log under random steps: SQLite", async () => {
  await fc.assert(fc.asyncProperty(steps(), holds), { numRuns: 40, endOnFailure: true });
}, 120_000);

test("a crash at every step of a life: SQLite", async () => {
  for (const at of LIFE.keys()) await holds(crashedAt(at, 0));
}, 120_000);

async function holds(plan: readonly Step[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-model-"));
  try {
    await run(
      {
        instances: 1,
        leaseMs: LEASE_MS,
        async open(sinks) {
          const log = openSqliteLog(
            { folder, leaseMs: LEASE_MS, chunkRecords: 10, chunkBytes: 1000 },
            { lists: [LIST] },
          );
          await log.open(sinks);
          return log;
        },
        async push(log, texts) {
          (log as SqliteLog).append(
            LIST.name,
            texts.map((text) => Buffer.from(text)),
          );
        },
      },
      plan,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

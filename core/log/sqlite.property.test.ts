import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "vitest";
import { run, steps } from "./model.ts";
import { openSqliteLog, type SqliteLog } from "./sqlite.ts";

const LIST = { name: "analytics-tyk-system-analytics", wire: "msgpack" as const };
const LEASE_MS = 20;

test("delivery log under random steps: SQLite", async () => {
  await fc.assert(
    fc.asyncProperty(steps(), async (plan) => {
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
    }),
    { numRuns: 40, endOnFailure: true },
  );
}, 120_000);

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformance, formatConformance } from "@sluice/sdk/testing";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import definitions from "./index.ts";

test("the sql sink keeps the promises of a sink", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-sql-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "analytics.db");
  const sql = definitions.find(({ type }) => type === "sql")!;
  const report = await conformance(sql, {
    config: { type: "sqlite", connection_string: file },
    readBack() {
      if (!existsSync(file)) return [];
      const db = new Database(file);
      try {
        return db
          .prepare<[], { path: string }>("SELECT path FROM tyk_analytics")
          .all()
          .map(({ path }) => path);
      } finally {
        db.close();
      }
    },
  });
  expect(report.kept, formatConformance(report)).toBe(true);
});

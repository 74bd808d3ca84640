import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformance, formatConformance } from "@sluice/sdk/testing";
import { expect, onTestFinished, test } from "vitest";
import csv from "./index.ts";
import { parseRows } from "./testing/parse-rows.ts";

test("the csv sink keeps the promises of a sink", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-csv-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const report = await conformance(csv, {
    config: { csv_dir: folder },
    readBack: () =>
      readdirSync(folder)
        .filter((name) => name.endsWith(".csv"))
        .flatMap((name) => [...parseRows(readFileSync(join(folder, name), "utf8"))].slice(1).map((row) => row[2]!)),
  });
  expect(report.kept, formatConformance(report)).toBe(true);
});

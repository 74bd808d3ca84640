import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type Conformance, formatConformance } from "@sluice/sdk/testing";
import { expect, onTestFinished, test } from "vitest";

test("the stdout sink keeps the promises of a sink", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-stdout-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const output = join(folder, "output");
  const entry = fileURLToPath(new URL("testing/conformance-process.ts", import.meta.url));
  const child = spawn(process.execPath, ["--no-warnings", entry, output], {
    stdio: ["ignore", openSync(output, "a"), "pipe"],
  });
  const [said] = await Promise.all([text(child.stderr!), once(child, "close")]);
  const report: Conformance = JSON.parse(said);
  expect(report.kept, formatConformance(report)).toBe(true);
});

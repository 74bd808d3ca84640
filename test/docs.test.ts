import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../core/config/load.ts";
import { withTables } from "../scripts/settings-tables.ts";
import { read } from "./sources.ts";

test("docs/configuration.md has the tables of the schema (else: node scripts/docs.ts)", () => {
  const document = read("docs/configuration.md");
  expect(withTables(document)).toBe(document);
  expect(document.match(/<!-- table \w+ -->\n\|/g)).toHaveLength(5);
});

test("the examples of docs/configuration.md have no problems and say the same", () => {
  const document = read("docs/configuration.md");
  const cwd = mkdtempSync(join(tmpdir(), "sluice-docs-"));
  writeFileSync(join(cwd, "pump.conf"), /```json\n([\s\S]*?)```/.exec(document)?.[1] ?? "");
  const lines = /```sh\n([\s\S]*?)```/.exec(document)?.[1]?.trim().split("\n") ?? [];
  const byFile = loadConfig({ cwd, env: {} });
  const byVariables = loadConfig({ cwd, env: Object.fromEntries(lines.map((line) => line.split("="))) });
  rmSync(cwd, { recursive: true });
  expect([...byFile.problems, ...byVariables.problems]).toEqual([]);
  expect(byVariables.config).toEqual(byFile.config);
});

test("the documents give a plugin as long to load as it has", () => {
  const seconds = Number(/START_MS = ([\d_]+);/.exec(read("core/actor/actor.ts"))?.[1]?.replace("_", "")) / 1000;
  expect(read("docs/decisions/0003-thread-protocol.md")).toContain(`ready → opening; ${seconds} s → suspended`);
  expect(read("docs/reliability.md").replace(/\s+/g, " ")).toContain(`not loaded within ${seconds} s,`);
});

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { PLUGIN_ERROR_CODES } from "../../core/plugins/errors.ts";
import { read } from "../sources.ts";

const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));

test("the steps of docs/plugins.md lead from nothing to a running sink", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-steps-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const bin = join(folder, "sluice");
  writeFileSync(bin, `#!/bin/sh\nexec ${process.execPath} ${COMMAND} "$@"\n`);
  chmodSync(bin, 0o755);
  const steps = [...read("docs/plugins.md").matchAll(/```sh\n([\s\S]*?)```/g)].map(([, step]) => step);
  expect(steps).toHaveLength(3);
  const path = [folder, dirname(process.execPath), process.env.PATH].join(delimiter);
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync("sh", ["-e", "-c", steps.join("\n")], {
    cwd: folder,
    env: { ...process.env, PATH: path },
    encoding: "utf8",
    timeout: 50_000,
  });
  expect(status, stdout + stderr).toBe(0);
  expect(performance.now() - began).toBeLessThan(10 * 60_000);
  expect(stdout).toMatch(/jsonl: keeps its promises/);
  expect(stdout).toMatch(/jsonl +sluice-plugin-jsonl/);
  const lines = readFileSync(join(folder, "records.jsonl"), "utf8").trimEnd().split("\n");
  expect(lines).toHaveLength(1000);
});

test("docs/errors.md has every code of a plugin", () => {
  const document = read("docs/errors.md");
  expect(PLUGIN_ERROR_CODES.filter((code) => !document.includes(`| \`${code}\` |`))).toEqual([]);
});

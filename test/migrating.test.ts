import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "../core/config/load.ts";
import { PROBLEM_CODES } from "../core/config/problem.ts";
import { ROOT, read, sourceFiles } from "./sources.ts";

const document = read("docs/migrating.md");
const cwd = mkdtempSync(join(tmpdir(), "sluice-migrating-"));
afterAll(() => rmSync(cwd, { recursive: true }));

const [example = ""] = [...document.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text]) => text);
const blocks = [...document.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text!.trim().split("\n"));

test("the file of Tyk Pump has no problem, and the variables do what the page says", () => {
  writeFileSync(join(cwd, "pump.conf"), example);
  const { config, problems } = loadConfig({ cwd, env: {} });
  expect(problems).toEqual([]);
  expect(config).toMatchObject({
    health: { endpoint: "hello", port: 8083 },
    sinks: [{ name: "csv" }, { name: "log" }],
  });
  expect(blocks).toHaveLength(2);
  for (const lines of blocks) {
    const env = Object.fromEntries(lines.map((line) => line.split("=") as [string, string]));
    const beside = loadConfig({ cwd, env });
    expect(beside.problems).toEqual([]);
    expect(beside.config.health.port).toBe(8084);
    expect(beside.config.sinks[0]?.config).toMatchObject({
      csv_dir: env.TYK_PMP_PUMPS_CSV_META_CSVDIR ?? "/var/lib/analytics",
    });
  }
});

test("what the page names exists", () => {
  const codes = [...document.matchAll(/`(SLUICE_CONFIG_[A-Z_]+)`/g)].map(([, code]) => code);
  expect(codes.filter((code) => !(PROBLEM_CODES as readonly (string | undefined)[]).includes(code))).toEqual([]);
  const metrics = [...document.matchAll(/`(sluice_[a-z_]+)`/g)].map(([, name]) => name!);
  expect(metrics.filter((name) => !read("docs/metrics.md").includes(`\`${name}\``))).toEqual([]);
});

test("links of the pages lead to files and headings that are there", () => {
  const anchor = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .trim()
      .replaceAll(" ", "-");
  for (const page of sourceFiles("docs/*.md")) {
    for (const [, target = "", heading] of read(page).matchAll(/\]\(([^)#:\s]*)(?:#([^)\s]+))?\)/g)) {
      const path = target === "" ? page : join("docs", target);
      expect(existsSync(join(ROOT, path)), `${page}: ${target}`).toBe(true);
      if (heading === undefined) continue;
      const headings = [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, text]) => anchor(text!));
      expect(headings, `${page}: ${target}#${heading}`).toContain(heading);
    }
  }
});

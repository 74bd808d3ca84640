import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FAMILIES } from "../../core/admin/families.ts";
import { dashboard } from "../../scripts/dashboard.ts";

const read = (file: string) => readFileSync(new URL(`../../deploy/${file}`, import.meta.url), "utf8");
const known = new Set(FAMILIES.map(({ name }) => name));
const metricsIn = (text: string) =>
  new Set((text.match(/\bsluice_[a-z_]+/g) ?? []).map((name) => name.replace(/_bucket$/, "")));

test.each(["prometheus/alerts.yaml", "grafana/sluice.json"])("%s asks for metrics that there are", (file) => {
  const asked = metricsIn(read(file));
  expect(asked.size).toBeGreaterThan(5);
  expect([...asked].filter((name) => !known.has(name))).toEqual([]);
});

test("the dashboard is as scripts/dashboard.ts makes it", () => {
  expect(JSON.parse(read("grafana/sluice.json"))).toEqual(dashboard());
});

test("each alert has a name, an expression, a severity and what to do first", () => {
  const rules = read("prometheus/alerts.yaml").split("- alert: ").slice(1);
  expect(rules.length).toBeGreaterThan(5);
  for (const rule of rules) {
    expect(rule).toMatch(/^Sluice\w+\n {8}expr: .+\n/);
    expect(rule).toMatch(/labels: \{ severity: (critical|warning) \}/);
    expect(rule).toMatch(/summary: .+\n {10}description: .+/);
  }
});

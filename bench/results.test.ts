import { expect, test } from "vitest";
import { changes, type Results } from "./results.ts";
import { resultsPage } from "./results-page.ts";
import type { Figure } from "./table.ts";

const results = (...figures: Figure[]): Results => ({
  at: "2026-01-01T00:00:00.000Z",
  machine: "2 cores",
  node: "24",
  scenarios: [{ name: "drain", seconds: 1, load: ["0.1", "2.0"], figures }],
});

test("only what changed beyond the spread of both runs is a change", () => {
  const before = results(
    { name: "rate", values: [1, 2, 3] },
    { name: "share", values: [1, 1.1] },
    { name: "share", values: [5, 6] },
    { name: "one", values: [100] },
    { name: "gone", values: [1] },
  );
  const now = results(
    { name: "rate", values: [3, 4, 5] },
    { name: "share", values: [1.05, 1.2] },
    { name: "share", values: [7, 8] },
    { name: "one", values: [104] },
    { name: "new", values: [1] },
  );
  expect(changes(before, now).map(({ name, now: { values } }) => [name, values])).toEqual([["share", [7, 8]]]);
});

test("the page stands alone, shows each figure with its runs and its bar, and takes names for text", () => {
  const page = resultsPage(results({ name: "<b>share</b>", values: [0.4, 0.5, 0.6], atLeast: 0.55 }), []);
  expect(page).toContain("&lt;b&gt;share&lt;/b&gt;");
  expect(page).not.toMatch(/<b>share|https?:|src=/);
  expect(page).toContain("missed");
  expect(page.match(/<circle/g)).toHaveLength(3);
});

import type { Analytics } from "../compute/analytics.ts";
import { type Column, formatCount, formatTable, plain } from "./format.ts";

/** Three tables; no lines where nothing was counted. */
export function formatAnswers({ busiest, failing, slowest }: Analytics): string[] {
  return [
    ...answer("Busiest APIs", ["requests", "share"], busiest, ({ api, hits, share }) => [
      api,
      formatCount(hits),
      percent(share),
    ]),
    ...answer("Error rate by API", ["failed", "of", "rate"], failing, ({ api, errors, hits, rate }) => [
      api,
      formatCount(errors),
      formatCount(hits),
      percent(rate),
    ]),
    ...answer("Slowest paths", ["95 % within", "mean", "requests"], slowest, ({ path, p95, mean, hits }) => [
      path,
      `${formatCount(p95)} ms`,
      `${mean.toFixed(1)} ms`,
      formatCount(hits),
    ]),
  ];
}

function answer<T>(
  title: string,
  titles: readonly string[],
  rows: readonly T[],
  cells: (row: T) => string[],
): string[] {
  if (rows.length === 0) return [];
  const columns: Column[] = [{ title, align: "left" }, ...titles.map((title) => ({ title, align: "right" as const }))];
  // Names come from whoever sends requests.
  return [
    "",
    ...formatTable(
      columns,
      rows.map((row) => cells(row).map(shortened)),
    ),
  ];
}

const LONGEST = 60;

function shortened(text: string): string {
  const safe = plain(text);
  return safe.length > LONGEST ? `${safe.slice(0, LONGEST - 1)}…` : safe;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

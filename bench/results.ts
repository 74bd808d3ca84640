import { readFileSync } from "node:fs";
import type { Figure } from "./table.ts";

/** One run of the benchmarks, as it is kept in a file. */
export interface Results {
  /** ISO time. */
  at: string;
  machine: string;
  node: string;
  scenarios: { name: string; seconds: number; load: [before: string, after: string]; figures: Figure[] }[];
}

/** Throws Error with the file's name where it is not one. */
export function readResults(file: string): Results {
  const results = JSON.parse(readFileSync(file, "utf8")) as Partial<Results>;
  if (!Array.isArray(results.scenarios)) throw new Error(`${file} holds no results of the benchmarks`);
  return results as Results;
}

/** What changed from `before` to `now` beyond noise: the spreads of the two do not meet. */
export interface Change {
  scenario: string;
  name: string;
  before: Figure;
  now: Figure;
}

export function changes(before: Results, now: Results): Change[] {
  const old = new Map(before.scenarios.flatMap(({ name, figures }) => [...keyed(name, figures)]));
  return now.scenarios.flatMap(({ name, figures }) =>
    [...keyed(name, figures)].flatMap(([key, figure]): Change[] => {
      const was = old.get(key);
      return was && apart(was.values, figure.values)
        ? [{ scenario: name, name: figure.name.trim(), before: was, now: figure }]
        : [];
    }),
  );
}

/** Names repeat in a scenario (the same share of two things): the place among its like tells them apart. */
function keyed(scenario: string, figures: readonly Figure[]): Map<string, Figure> {
  const keys = new Map<string, Figure>();
  for (const figure of figures) {
    let key = `${scenario}\n${figure.name}`;
    while (keys.has(key)) key += "'";
    keys.set(key, figure);
  }
  return keys;
}

/** One value is no spread: it must differ by a tenth. */
function apart(a: readonly number[], b: readonly number[]): boolean {
  const [a0, a1] = bounds(a);
  const [b0, b1] = bounds(b);
  return a1 < b0 || b1 < a0;
}

function bounds(values: readonly number[]): [number, number] {
  if (values.length > 1) return [Math.min(...values), Math.max(...values)];
  const [value = 0] = values;
  return [value - Math.abs(value) * 0.05, value + Math.abs(value) * 0.05];
}

import { median, range } from "./stats.ts";

/** One line of the result: the median of some runs, and what it must be. */
export interface Figure {
  name: string;
  values: readonly number[];
  unit?: "MB" | "ms" | "s" | "ns" | "records/s";
  atLeast?: number;
  atMost?: number;
}

/** Prints the median, the least and greatest of the runs, and how it compares with its bar. */
export function printFigures(figures: readonly Figure[]): void {
  const lines = figures.map((figure) => {
    const { name, values, unit = "" } = figure;
    const [least, greatest] = range(values);
    const spread = values.length > 1 ? `${format(least)} to ${format(greatest)}, ${values.length} runs` : "";
    return [name, `${format(median(values))} ${unit}`.trim(), spread, verdict(figure)];
  });
  const widths = [0, 1, 2].map((i) => Math.max(...lines.map((line) => line[i]!.length)));
  for (const [name, value, spread, bar] of lines) {
    const row = [name!.padEnd(widths[0]!), value!.padStart(widths[1]!), spread!.padEnd(widths[2]!), bar!];
    console.log(`  ${row.join("   ").trimEnd()}`);
  }
}

/** Whether the median keeps its bar; null: there is none. */
export function held({ values, atLeast, atMost }: Figure): boolean | null {
  if (atLeast !== undefined) return median(values) >= atLeast;
  return atMost === undefined ? null : median(values) <= atMost;
}

function verdict(figure: Figure): string {
  const { atLeast, atMost } = figure;
  const bar = atLeast !== undefined ? `>= ${format(atLeast)}` : `<= ${format(atMost ?? 0)}`;
  const isHeld = held(figure);
  return isHeld === null ? "" : `${isHeld ? "ok" : "MISSED"}, bar ${bar}`;
}

export function format(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

import { median } from "../stats.ts";
import { format } from "../table.ts";
import type { Sample } from "./sample.ts";

/** What of a sink's records lies at its far end. */
export interface Arrival {
  sink: string;
  arrived: number;
  /** Different ones; null where the far end only adds up. */
  distinct: number | null;
  /** It must count each once, whatever happens. */
  exact: boolean;
  /** Calls tried again and records given again: what may have doubled some. */
  repeats: number;
}

/** Two medians, of the second and of the last third of the samples. */
export interface Flatness {
  what: string;
  unit: string;
  before: number;
  after: number;
  flat: boolean;
}

const MOST_SHARE = 0.1;
const MOST_MB = 20;

/** Whether memory and handles stay: the last third at most a tenth above the second, and memory at most 20 MB. */
export function flatness(samples: readonly Pick<Sample, "memoryMb" | "handles">[]): Flatness[] {
  return [
    compared("resident memory", "MB", thirds(samples.map(({ memoryMb }) => memoryMb)), MOST_MB),
    compared("file handles", "", thirds(samples.map(({ handles }) => handles)), Number.POSITIVE_INFINITY),
  ];
}

function compared(what: string, unit: string, [before, after]: [number, number], most: number): Flatness {
  return { what, unit, before, after, flat: after - before <= Math.min(before * MOST_SHARE, most) };
}

function thirds(values: readonly number[]): [second: number, last: number] {
  const third = Math.floor(values.length / 3);
  if (third === 0) throw new Error(`${values.length} samples are too few to tell whether anything grows`);
  return [median(values.slice(-2 * third, -third)), median(values.slice(-third))];
}

/** A sentence for each promise that was not kept. */
export function broken(pushed: number, arrivals: readonly Arrival[], measured: readonly Flatness[]): string[] {
  const grown = measured.filter(({ flat }) => !flat);
  return [
    ...arrivals.flatMap((arrival) => complaint(pushed, arrival)),
    ...grown.map(({ what, before, after }) => `${what} grew from ${format(before)} to ${format(after)}`),
  ];
}

function complaint(pushed: number, { sink, arrived, distinct, exact, repeats }: Arrival): string[] {
  const different = distinct ?? arrived;
  if (different < pushed) return [`${sink} lacks ${pushed - different} of ${pushed} records`];
  const mayRepeat = !exact && (distinct ?? pushed) === pushed;
  if (arrived > pushed && !mayRepeat) return [`${sink} has ${arrived} records where ${pushed} were pushed`];
  if (arrived > pushed && repeats === 0)
    return [`${sink} has ${arrived - pushed} records twice, though nothing was given or tried again`];
  return [];
}

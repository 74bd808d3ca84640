/** The middle of the sorted values. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** Least and greatest. */
export function range(values: ArrayLike<number>): [least: number, greatest: number] {
  return [quantile(values, 0), quantile(values, 1)];
}

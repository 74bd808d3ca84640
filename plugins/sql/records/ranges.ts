/** Runs of whole numbers, [from, to), ascending and apart. Kept as text: "0-1000", "0-12,13-1000". */
export type Ranges = readonly (readonly [from: number, to: number])[];

export function parseRanges(text: string): Ranges {
  if (text === "") return [];
  return text.split(",").map((run) => {
    const [from, to] = run.split("-").map(Number);
    return [from!, to!] as const;
  });
}

export function formatRanges(ranges: Ranges): string {
  return ranges.map(([from, to]) => `${from}-${to}`).join(",");
}

export function unite(a: Ranges, b: Ranges): Ranges {
  const united: [number, number][] = [];
  for (const [from, to] of [...a, ...b].sort(([x], [y]) => x - y)) {
    const last = united.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else if (from < to) united.push([from, to]);
  }
  return united;
}

export function includes(ranges: Ranges, n: number): boolean {
  return ranges.some(([from, to]) => from <= n && n < to);
}

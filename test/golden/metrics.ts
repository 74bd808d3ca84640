/** The exposition format of Prometheus, read as far as the recordings and our own answers use it. */

/** Values by metric and labels, the labels in the order of their names. */
export function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, labels = "", value] = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? [];
    if (name === undefined) throw new Error(`This is no sample: ${line}`);
    const pairs = [...labels.matchAll(/([^,=]+)="((?:[^"\\]|\\.)*)"/gs)].map(([pair]) => pair).sort();
    const key = `${name}{${pairs.join(",")}}`;
    if (samples.has(key)) throw new Error(`Twice: ${line}`);
    samples.set(key, Number(value));
  }
  return samples;
}

/** Lines of HELP and TYPE, sorted. */
export function commentsOf(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("#"))
    .sort();
}

/** What is different, at most ten of it. Sums may differ in their last digit: doubles are added in another order. */
export function metricsDifference(actual: Map<string, number>, expected: Map<string, number>): string[] {
  const keys = new Set([...actual.keys(), ...expected.keys()]);
  const different = [...keys].filter((key) => !close(actual.get(key), expected.get(key)));
  return different.slice(0, 10).map((key) => `${key}: is ${actual.get(key)}, should be ${expected.get(key)}`);
}

function close(a: number | undefined, b: number | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return Math.abs(a - b) <= 1e-12 * Math.abs(b);
}

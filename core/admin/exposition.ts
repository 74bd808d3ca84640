import type { Family } from "./families.ts";

/** Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Families that are computed from such snapshots, as a function from one to its text. */
export function exposition<S>(families: readonly Family<S>[]): (snapshot: S) => string {
  const heads = families.map(
    ({ name, help, type }) =>
      `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`,
  );
  return (snapshot) => {
    let text = "";
    for (const [i, { name, samples }] of families.entries()) {
      text += heads[i];
      for (const sample of samples(snapshot)) {
        text += `${sample.name ?? name}${labelsOf(sample.labels)} ${numberOf(sample.value)}\n`;
      }
    }
    return text;
  };
}

function labelsOf(labels: { readonly [label: string]: string }): string {
  let text = "";
  for (const label in labels) text += `${text === "" ? "{" : ","}${label}="${escaped(labels[label]!)}"`;
  return text === "" ? "" : `${text}}`;
}

function escaped(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberOf(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

import { styleText } from "node:util";
import type { Problem } from "../config/problem.ts";
import { plain, plural } from "./format.ts";

/** A problem of the configuration, or one that trying it has shown. */
export type Finding = Omit<Problem, "code"> & { code: string };

/** One thing that was tried. */
export interface Tried {
  /** `Redis at 127.0.0.1:6379`, `sink csv` */
  subject: string;
  outcome: "ok" | "failed" | "not tried";
  /** What was seen of it, or why it failed or was not tried. */
  seen: string;
}

/** With what it means for the pump. */
export type Trial = Tried & { findings: Finding[] };

export interface Report {
  /** False: not everything that is configured would run. */
  ok: boolean;
  /** False: nothing would start. */
  starts: boolean;
  /** What was read: a file, "variables", or "built-in demonstration". */
  source: string;
  /** Sinks that would start. */
  sinks: string[];
  findings: Finding[];
  tried: Tried[];
}

/** For a person: what is wrong, what was tried, and what that comes to. */
export function reportText(report: Report): string {
  const findings = report.findings.toSorted((a, b) => rank(a) - rank(b)).flatMap(findingLines);
  const widest = Math.max(0, ...report.tried.map(({ subject }) => subject.length));
  const tried = report.tried.map(
    ({ subject, outcome, seen }) => `  ${MARKS[outcome]()}  ${plain(subject).padEnd(widest)}  ${plain(seen)}`,
  );
  const blocks = [findings, tried, [conclusion(report)]].filter((lines) => lines.length > 0);
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function rank({ severity }: Finding): number {
  return severity === "error" ? 0 : 1;
}

function findingLines({ severity, sink, place, message, mend, code }: Finding): string[] {
  const word = severity === "error" ? styleText("red", "error  ") : styleText("yellow", "warning");
  const whose = sink === undefined ? "" : `  (sink "${plain(sink)}")`;
  return [
    `${word}  ${styleText("bold", plain(place))}${whose}`,
    `         ${plain(message)}`,
    `         ${plain(mend)}  ${styleText("dim", code)}`,
  ];
}

const MARKS: { readonly [outcome in Tried["outcome"]]: () => string } = {
  ok: () => styleText("green", "ok    "),
  failed: () => styleText("red", "failed"),
  "not tried": () => styleText("dim", "-     "),
};

function conclusion({ ok, starts, source, sinks, findings }: Report): string {
  const count = (severity: Finding["severity"], word: string) => {
    const n = findings.filter((one) => one.severity === severity).length;
    return `${n} ${plural(n, word)}`;
  };
  const sum = `${plain(source)}: ${count("error", "error")}, ${count("warning", "warning")}.`;
  if (!starts) return `${sum} The pump would not start.`;
  const failing = [...new Set(findings.flatMap(({ severity, sink }) => (severity === "error" && sink ? [sink] : [])))];
  const without = failing.length > 0 ? ` Not running: ${failing.join(", ")}.` : "";
  return `${sum} The pump would start${ok ? "" : ", but not all of it would work"}; sinks: ${sinks.join(", ")}.${without}`;
}

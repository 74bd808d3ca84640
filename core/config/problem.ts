/** One thing that is wrong with a configuration, for a person. Secrets never appear in it. */
export interface Problem {
  /** An error stops the start, or, with `sink`, the start of that sink alone; a warning stops nothing. */
  severity: "error" | "warning";
  code: ProblemCode;
  /** The sink that does not start because of it. */
  sink?: string;
  /** `file:line:column key` or the name of a variable. */
  place: string;
  /** What is wrong and what becomes of it. */
  message: string;
  /** What to do. */
  mend: string;
}

export const PROBLEM_CODES = [
  "SLUICE_CONFIG_UNREADABLE",
  "SLUICE_CONFIG_SYNTAX",
  "SLUICE_CONFIG_WRONG_TYPE",
  "SLUICE_CONFIG_BAD_VALUE",
  "SLUICE_CONFIG_MISSING",
  "SLUICE_CONFIG_UNKNOWN_KEY",
  "SLUICE_CONFIG_UNKNOWN_VARIABLE",
  "SLUICE_CONFIG_UNKNOWN_TYPE",
  "SLUICE_CONFIG_REPEATED",
  "SLUICE_CONFIG_NOT_BUILT",
  "SLUICE_CONFIG_NO_EFFECT",
  "SLUICE_CONFIG_AMBIGUOUS",
  "SLUICE_CONFIG_NO_SINKS",
  "SLUICE_CONFIG_PLUGINS",
  "SLUICE_CONFIG_DEPRECATED",
  "SLUICE_CONFIG_SECRET",
  "SLUICE_CONFIG_SECRET_STORE",
] as const;

export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** True where nothing may start: an error that is not one sink's alone. */
export function stopsTheStart(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === "error" && problem.sink === undefined);
}

/** `error csv pump.conf:7:5 pumps.csv.type: message mend`, one line. */
export function formatProblem({ severity, sink, place, message, mend }: Problem): string {
  return `${severity}${sink === undefined ? "" : ` (sink "${sink}")`}: ${place}: ${message} ${mend}`;
}

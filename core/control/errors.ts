/** What the control interface answers where it cannot do what was asked. */
export const CONTROL_ERROR_CODES = {
  notRunning: "SLUICE_CONTROL_NOT_RUNNING",
  denied: "SLUICE_CONTROL_DENIED",
  inUse: "SLUICE_CONTROL_IN_USE",
  listen: "SLUICE_CONTROL_LISTEN",
  folder: "SLUICE_CONTROL_FOLDER",
  version: "SLUICE_CONTROL_VERSION",
  timeout: "SLUICE_CONTROL_TIMEOUT",
  badRequest: "SLUICE_CONTROL_BAD_REQUEST",
  notFound: "SLUICE_CONTROL_NOT_FOUND",
  noSink: "SLUICE_CONTROL_NO_SINK",
  noLetter: "SLUICE_CONTROL_NO_LETTER",
  busy: "SLUICE_CONTROL_BUSY",
  notPossible: "SLUICE_CONTROL_NOT_POSSIBLE",
  invalid: "SLUICE_CONTROL_INVALID_CONFIGURATION",
  failed: "SLUICE_CONTROL_FAILED",
} as const;

export type ControlErrorCode = (typeof CONTROL_ERROR_CODES)[keyof typeof CONTROL_ERROR_CODES];

/** The sentence says what to do. `problems`: of a configuration that was refused. */
export class ControlError extends Error {
  readonly code: ControlErrorCode;
  readonly problems: readonly unknown[] | undefined;

  constructor(code: ControlErrorCode, message: string, options: ErrorOptions & { problems?: readonly unknown[] } = {}) {
    super(message, options);
    this.name = "ControlError";
    this.code = code;
    this.problems = options.problems;
  }
}

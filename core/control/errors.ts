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

/** How HTTP says it. */
export function statusOf(code: string): 400 | 403 | 404 | 409 | 500 | 503 {
  return STATUS[code] ?? (code.startsWith("SLUICE_LOG_") ? 503 : 500);
}

const STATUS: { readonly [code: string]: 400 | 403 | 404 | 409 } = {
  [CONTROL_ERROR_CODES.badRequest]: 400,
  [CONTROL_ERROR_CODES.denied]: 403,
  [CONTROL_ERROR_CODES.notFound]: 404,
  [CONTROL_ERROR_CODES.noSink]: 404,
  [CONTROL_ERROR_CODES.noLetter]: 404,
  [CONTROL_ERROR_CODES.busy]: 409,
  [CONTROL_ERROR_CODES.notPossible]: 409,
  [CONTROL_ERROR_CODES.invalid]: 409,
};

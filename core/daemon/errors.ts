/** What `sluice daemon` cannot do. */
export const DAEMON_ERROR_CODES = {
  running: "SLUICE_DAEMON_RUNNING",
  ended: "SLUICE_DAEMON_ENDED",
  unknown: "SLUICE_DAEMON_UNKNOWN",
  denied: "SLUICE_DAEMON_DENIED",
  files: "SLUICE_DAEMON_FILES",
} as const;

export type DaemonErrorCode = (typeof DAEMON_ERROR_CODES)[keyof typeof DAEMON_ERROR_CODES];

/** The sentence says what to do. */
export class DaemonError extends Error {
  readonly code: DaemonErrorCode;

  constructor(code: DaemonErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DaemonError";
    this.code = code;
  }
}

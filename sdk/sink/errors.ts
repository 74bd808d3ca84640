/**
 * What a sink throws to say whose fault a failure is. Told apart by `code`, never by `instanceof`: a plugin may
 * bring its own copy of the class. Anything else thrown counts as "unknown".
 */
export const SINK_ERROR_CODES = {
  Retryable: "SLUICE_SINK_RETRYABLE",
  Refused: "SLUICE_SINK_REFUSED",
  Fatal: "SLUICE_SINK_FATAL",
  Redeliver: "SLUICE_SINK_REDELIVER",
} as const;

export type SinkErrorCode = (typeof SINK_ERROR_CODES)[keyof typeof SINK_ERROR_CODES];

export interface SinkErrorOptions {
  cause?: unknown;
  /** Milliseconds to wait before the next try (a Retry-After). Only `Retryable` reads it. */
  after?: number;
}

export class SinkError extends Error {
  readonly code: SinkErrorCode;
  readonly after: number | undefined;

  constructor(code: SinkErrorCode, message: string, options: SinkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.after = options.after;
  }
}

/** The sink is at fault, for now: down, slow, throttling. The rest is tried again, for ever. */
export class Retryable extends SinkError {
  constructor(message: string, options?: SinkErrorOptions) {
    super(SINK_ERROR_CODES.Retryable, message, options);
  }
}

/** The data is at fault: as it is, it will never be taken. The host searches for the record and sets it aside. */
export class Refused extends SinkError {
  constructor(message: string, options?: SinkErrorOptions) {
    super(SINK_ERROR_CODES.Refused, message, options);
  }
}

/** The configuration is at fault: a wrong password, no such index. The sink is suspended and probed. */
export class Fatal extends SinkError {
  constructor(message: string, options?: SinkErrorOptions) {
    super(SINK_ERROR_CODES.Fatal, message, options);
  }
}

/** In a gather: another owner was faster. The gather is dropped and its records are delivered again. */
export class Redeliver extends SinkError {
  constructor(message: string, options?: SinkErrorOptions) {
    super(SINK_ERROR_CODES.Redeliver, message, options);
  }
}

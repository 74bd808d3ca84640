/** A place that keeps secrets, opened. */
export interface Store {
  /** The secret at this path. Throws SecretError. */
  get(path: string): Promise<string>;
  /** Resolves where the store can be used at all. Throws SecretError. */
  check(): Promise<void>;
}

export type SecretErrorCode =
  /** The store has no such secret. */
  | "SLUICE_SECRET_MISSING"
  /** The path cannot be one of this store. */
  | "SLUICE_SECRET_PATH"
  /** The store refuses who asks. */
  | "SLUICE_SECRET_DENIED"
  /** The store does not answer, or not with what it should. */
  | "SLUICE_SECRET_UNAVAILABLE"
  /** The store's own settings cannot be used. */
  | "SLUICE_SECRET_STORE";

/** Why a secret could not be read. Nothing of a secret is ever in it. */
export class SecretError extends Error {
  readonly code: SecretErrorCode;
  /** What to do. */
  readonly mend: string;

  constructor(code: SecretErrorCode, message: string, mend: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "SecretError";
    this.code = code;
    this.mend = mend;
  }
}

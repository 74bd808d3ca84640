/** Why a check failed. "status": an answer, but not the one wanted. */
export const FAILURE_KINDS = ["dns", "connect", "timeout", "tls", "protocol", "status", "expect"] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** What one check found. */
export interface Result {
  /** Null: all is well. */
  failure: { kind: FailureKind; message: string } | null;
  /** Of the last answer; 0 where there was none. A TCP check that connects has 200. */
  status: number;
  /** From before the name is looked up to the verdict, ms. */
  ms: number;
}

/** Thrown by probes. */
export class CheckFailed extends Error {
  readonly kind: FailureKind;
  readonly status: number;

  constructor(kind: FailureKind, message: string, status = 0, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.status = status;
  }
}

/** What a socket or a TLS handshake failed of. */
export function failureOf(error: unknown): CheckFailed {
  if (error instanceof CheckFailed) return error;
  const { code = "", message = String(error) } = (error ?? {}) as { code?: string; message?: string };
  return new CheckFailed(kindOf(code), message || code, 0, error);
}

function kindOf(code: string): FailureKind {
  if (/^(ENOTFOUND|EAI_|EDNS|ENODATA)/.test(code)) return "dns";
  if (code === "ETIMEDOUT") return "timeout";
  if (/^(ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)) return "tls";
  if (/^(HPE_|ERR_HTTP)/.test(code)) return "protocol";
  return "connect";
}

import { describeError } from "./describe-error.ts";

const MASK = "***";
const DEPTH = 6;

// Repetitions have bounds: a log line may be a megabyte without a blank.

/** user:password@ in any URL or DSN. */
const USER_INFO = /(\b[a-z][a-z0-9+.-]{0,31}:\/\/[^\s:/@"']{0,255}):[^\s/"']{0,1023}@/gi;
/** mysql's user:password@tcp(host) */
const GO_DSN = /([\w.-]{1,255}):[^\s@/"']{1,255}@(tcp|unix)\(/gi;
const SECRET_NAME = "(?:\\w*(?:password|passwd|secret|private_?key|access_?key|api_?key)|pwd|\\w*_?token)";
const NAMED = new RegExp(`\\b(${SECRET_NAME}["']?\\s*[=:]\\s*)("[^"]*"|'[^']*'|[^\\s"',;&}]+)`, "gi");
const SECRET_FIELD = new RegExp(`^${SECRET_NAME}$|^authorization$`, "i");
const AUTHORIZATION = /\b(Bearer|Basic|Splunk)\s+[\w.~+/=-]{8,}/gi;

/** Whether what stands under this name is a credential. */
export function isSecretName(name: string): boolean {
  return SECRET_FIELD.test(name);
}

/** Hides the given values, and whatever looks like a credential. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  return maskExact(text, secrets)
    .replace(USER_INFO, `$1:${MASK}@`)
    .replace(GO_DSN, `$1:${MASK}@$2(`)
    .replace(NAMED, `$1${MASK}`)
    .replace(AUTHORIZATION, `$1 ${MASK}`);
}

/** Hides the given values, longest first; what is very short would hide half of every line. */
export function maskExact(text: string, secrets: readonly string[]): string {
  let out = text;
  for (const secret of secrets) if (secret.length >= 4) out = out.replaceAll(secret, MASK);
  return out;
}

/** A value of a log line as plain JSON data: errors as text, secrets masked, cycles and depth cut. */
export function clean(value: unknown, secrets: readonly string[], depth = 0): unknown {
  if (typeof value === "string") return maskSecrets(value, secrets);
  if (value instanceof Error) return maskSecrets(describeError(value), secrets);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (typeof value === "bigint" || typeof value === "symbol" || typeof value === "function") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (depth === DEPTH) return "…";
  if (Array.isArray(value)) return value.map((item) => clean(item, secrets, depth + 1));
  return cleanFields(value, secrets, depth + 1);
}

export function cleanFields(fields: object, secrets: readonly string[], depth = 0): { [name: string]: unknown } {
  const out: { [name: string]: unknown } = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    out[name] = isSecretName(name) && value !== "" ? MASK : clean(value, secrets, depth);
  }
  return out;
}

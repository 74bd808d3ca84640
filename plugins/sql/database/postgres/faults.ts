import type { Fault } from "../driver.ts";

/** By SQLSTATE, or its class: https://www.postgresql.org/docs/current/errcodes-appendix.html. What is not here is unknown. */
const FAULTS: { readonly [state: string]: Fault } = {
  "40001": "again", // serialization_failure
  "40P01": "again", // deadlock_detected
  "40": "retryable",
  "08": "retryable", // connection
  "53": "retryable", // resources: disk, memory, connections
  "55P02": "fatal", // a parameter that a session cannot change
  "55": "retryable", // not available: lock, in use
  "57": "retryable", // shutdown, cancelled, starting up
  "58": "retryable", // system error
  XX: "retryable",
  "25006": "retryable", // read-only: a standby, until it is promoted
  "25": "retryable",
  "21": "refused",
  "22023": "fatal", // a parameter of the connection string with a value that it cannot have
  "22": "refused", // data: out of range, bad UTF-8, NUL
  "23": "refused", // constraints
  "54": "refused", // program limit: a value too large
  "44": "refused",
  "2200H": "fatal", // sequence exhausted: no record is at fault
  "28": "fatal", // authorization
  "3D": "fatal", // no such database
  "3F": "fatal", // no such schema
  "42501": "fatal", // no right to it
  "42704": "fatal", // a parameter of the connection string that there is not
  "42": "retryable", // no such table or column: dropped under us, made again at the next try
  "0A": "fatal",
  "0L": "fatal",
  "0P": "fatal",
};

/** Of what the driver itself throws. */
const FATAL = /^The server does not support SSL|SASL: |client password must be a string|password must be a string/;
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS/;

export function postgresFault(error: unknown): Fault {
  const { code, message = "" } = (error ?? {}) as { code?: string; message?: string };
  const state = code !== undefined && code.length === 5 ? (FAULTS[code] ?? FAULTS[code.slice(0, 2)]) : undefined;
  if (state) return state;
  if (FATAL.test(message) || (code !== undefined && CERTIFICATE.test(code))) return "fatal";
  return "retryable";
}

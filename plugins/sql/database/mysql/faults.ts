import type { Fault } from "../driver.ts";

/** By error number: https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html, MariaDB the same. */
const FAULTS: { readonly [number: number]: Fault } = {
  1213: "again", // deadlock
  1205: "retryable", // lock wait timeout
  1020: "again", // record has changed since last read
  1044: "fatal", // no right to the database
  1045: "fatal", // wrong password
  1049: "fatal", // no such database
  1142: "fatal", // no right to the table
  1143: "fatal",
  1227: "fatal",
  1698: "fatal", // wrong password (socket authentication)
  1251: "fatal", // authentication protocol
  1074: "fatal", // default_string_size: longer than a varchar may be
  1118: "fatal", // default_string_size: longer than a row may be
  1193: "fatal", // a parameter of the connection string that is no system variable
  1231: "fatal", // one with a value that it cannot have
  1022: "refused", // duplicate key
  1048: "refused", // column may not be null
  1062: "refused",
  1264: "refused", // out of range
  1265: "refused", // data truncated
  1292: "refused", // wrong date
  1300: "refused", // invalid characters
  1366: "refused", // wrong string or number
  1367: "refused",
  1406: "refused", // too long
  1411: "refused",
  1416: "refused",
  1690: "refused",
  1153: "refused", // packet larger than max_allowed_packet
  3819: "refused", // check constraint
  4025: "refused", // check constraint, MariaDB
  4078: "refused",
};

/** Of the encryption; without a number. A handshake that is only cut off is tried again. */
function isTlsFault(code: string, message: string): boolean {
  if (code === "HANDSHAKE_SSL_ERROR") return /certificate|altnames/i.test(message);
  return code === "HANDSHAKE_NO_SSL_SUPPORT" || /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code);
}

export function mysqlFault(error: unknown): Fault {
  const { errno, code = "", message = "" } = (error ?? {}) as { errno?: number; code?: string; message?: string };
  return FAULTS[errno ?? 0] ?? (isTlsFault(code, message) ? "fatal" : "retryable");
}

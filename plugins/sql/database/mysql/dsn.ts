import { Fatal } from "@sluice/sdk";
import type { ConnectionOptions, SslOptions } from "mysql2";

export interface MysqlTarget {
  readonly options: ConnectionOptions;
  /** Tried first; without TLS next, where `tls=preferred`. */
  readonly ssl: SslOptions | undefined;
  readonly plainToo: boolean;
  /** Zone that times are stored in: a name of the tz database, "UTC" or "Local". */
  readonly loc: string;
  /** System variables to set on each connection. */
  readonly variables: ReadonlyMap<string, string>;
}

/** Parameters of Tyk Pump's driver that say nothing here. */
const OF_THE_DRIVER = new Set([
  "allowallfiles",
  "allownativepasswords",
  "allowoldpasswords",
  "charset",
  "checkconnliveness",
  "clientfoundrows",
  "collation",
  "columnswithalias",
  "interpolateparams",
  "maxallowedpacket",
  "multistatements",
  "parsetime",
  "readtimeout",
  "rejectreadonly",
  "serverpubkey",
  "writetimeout",
]);

const CONNECT_MS = 10_000;

/**
 * Reads `user:password@tcp(host:3306)/database?parameter=value`, as https://github.com/go-sql-driver/mysql#dsn-data-source-name has
 * it, or `mysql://user:password@host:3306/database?…`. Throws Fatal; messages say nothing of what is in it.
 */
export function parseDsn(text: string): MysqlTarget {
  const { user, password, address, database, query } = /^(mysql|mariadb):\/\//.test(text)
    ? urlParts(text)
    : dsnParts(text);
  const variables = new Map<string, string>();
  const target = {
    ssl: undefined as SslOptions | undefined,
    plainToo: false,
    loc: "UTC",
    timeout: CONNECT_MS,
    cleartext: false,
  };
  for (const [name, value] of new URLSearchParams(query)) {
    const key = name.toLowerCase();
    if (key === "loc") target.loc = value;
    else if (key === "tls") Object.assign(target, tls(value));
    else if (key === "allowcleartextpasswords") target.cleartext = /^(1|true)$/i.test(value);
    else if (key === "timeout") target.timeout = durationMs(value);
    else if (!OF_THE_DRIVER.has(key)) variables.set(name, value);
  }
  return {
    options: {
      ...address,
      user,
      password,
      database,
      connectTimeout: target.timeout,
      // Text is sent as UTF-8, of up to four bytes a character: in another set it would be stored wrongly.
      charset: "utf8mb4",
      enableCleartextPlugin: target.cleartext,
    },
    ssl: target.ssl,
    plainToo: target.plainToo,
    loc: target.loc,
    variables,
  };
}

interface Parts {
  user: string;
  password: string;
  address: { host: string; port: number } | { socketPath: string };
  database: string;
  query: string;
}

function dsnParts(text: string): Parts {
  // As the driver does: the last slash begins the database, the last @ before it ends the password.
  const slash = text.lastIndexOf("/");
  if (slash < 0) throw malformed("it has no / before the database");
  const [database = "", query = ""] = split(text.slice(slash + 1), text.slice(slash + 1).indexOf("?"));
  const at = text.lastIndexOf("@", slash);
  const [user = "", password = ""] = at < 0 ? [] : split(text.slice(0, at), text.slice(0, at).indexOf(":"));
  const place = /^([a-z0-9]*)(?:\((.*)\))?$/i.exec(text.slice(at + 1, slash));
  if (!place) throw malformed("its address is not like tcp(host:3306)");
  const [, protocol = "", where] = place;
  if (protocol === "unix")
    return { user, password, address: { socketPath: where || "/tmp/mysql.sock" }, database, query };
  if (protocol !== "tcp" && protocol !== "") throw malformed("its protocol is neither tcp nor unix");
  return { user, password, address: hostPort(where ?? ""), database, query };
}

function split(text: string, at: number): [string, string?] {
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function hostPort(text: string): { host: string; port: number } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text);
  if (!match) throw malformed("its address is not like host:3306");
  return { host: match[1]!.replace(/^\[|\]$/g, "") || "127.0.0.1", port: Number(match[2] ?? 3306) };
}

function urlParts(text: string): Parts {
  if (!URL.canParse(text)) throw malformed("it is not a URL like mysql://user:password@host:3306/database");
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return {
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    address: { host: host || "127.0.0.1", port: Number(url.port || 3306) },
    database: decodeURIComponent(url.pathname.slice(1)),
    query: url.search.slice(1),
  };
}

function tls(value: string): { ssl?: SslOptions; plainToo?: boolean } {
  switch (value.toLowerCase()) {
    case "":
    case "0":
    case "false":
      return {};
    case "1":
    case "true":
      return { ssl: {} };
    case "skip-verify":
      return { ssl: { rejectUnauthorized: false } };
    case "preferred":
      return { ssl: { rejectUnauthorized: false }, plainToo: true };
    default:
      throw malformed("tls is not one of true, false, skip-verify, preferred");
  }
}

/** Go's "30s", "1m30s", "500ms". */
function durationMs(text: string): number {
  const units: { [unit: string]: number } = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) sum += Number(number) * units[unit!]!;
  return sum || CONNECT_MS;
}

function malformed(why: string): Fatal {
  return new Fatal(`connection_string cannot be read: ${why}`);
}

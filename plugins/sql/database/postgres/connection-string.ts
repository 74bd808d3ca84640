import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import type { ConnectionOptions } from "node:tls";
import { Fatal } from "@sluice/sdk";
import type { ClientConfig } from "pg";
import type { PostgresConnection } from "./driver.ts";
import { parseKeywords } from "./keywords.ts";

export interface PostgresTarget {
  /** Tries hosts, and encrypted or plain, in the order that the settings ask for. */
  connect(open: (config: ClientConfig) => Promise<PostgresConnection>): Promise<PostgresConnection>;
}

/** Where a setting is not in the string. */
const VARIABLES: { readonly [key: string]: string } = {
  host: "PGHOST",
  port: "PGPORT",
  dbname: "PGDATABASE",
  user: "PGUSER",
  password: "PGPASSWORD",
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  application_name: "PGAPPNAME",
  connect_timeout: "PGCONNECT_TIMEOUT",
  target_session_attrs: "PGTARGETSESSIONATTRS",
};

/** What Tyk Pump's driver takes for itself; here without effect. */
const OF_THE_DRIVER = new Set([
  "default_query_exec_mode",
  "statement_cache_capacity",
  "description_cache_capacity",
  "sslpassword",
  "sslsni",
  "sslnegotiation",
  "krbspn",
  "krbsrvname",
  "passfile",
  "servicefile",
  "service",
  "min_read_buffer_size",
]);

const CONNECT_SECONDS = 10;

const ATTRIBUTES: { readonly [name: string]: string } = {
  any: "",
  "read-write": "SELECT current_setting('transaction_read_only') = 'off' AS fits",
  "read-only": "SELECT current_setting('transaction_read_only') = 'on' AS fits",
  primary: "SELECT NOT pg_is_in_recovery() AS fits",
  standby: "SELECT pg_is_in_recovery() AS fits",
  "prefer-standby": "SELECT pg_is_in_recovery() AS fits",
};

/** Reads a connection string as Tyk Pump's driver does. Throws Fatal. */
export function postgresTarget(text: string, env: NodeJS.ProcessEnv = process.env): PostgresTarget {
  const settings = parseKeywords(text);
  const take = (key: string): string | undefined => {
    const value = settings.get(key) ?? env[VARIABLES[key] ?? ""];
    settings.delete(key);
    return value === "" ? undefined : value;
  };
  const attributes = take("target_session_attrs") ?? "any";
  const question = ATTRIBUTES[attributes];
  if (question === undefined)
    throw new Fatal(`connection_string: target_session_attrs is not one of ${Object.keys(ATTRIBUTES).join(", ")}`);
  const hosts = (take("host") ?? "localhost").split(",");
  const ports = (take("port") ?? "5432").split(",").map(portOf);
  if (ports.length > 1 && ports.length !== hosts.length)
    throw new Fatal("connection_string has not as many ports as hosts");
  const modes = tlsModes(take("sslmode") ?? "prefer", take("sslrootcert"), take("sslcert"), take("sslkey"));
  const user = take("user") ?? userInfo().username;
  const password = take("password");
  const base: ClientConfig = {
    user,
    // Undefined: the driver looks into the password file.
    ...(password !== undefined && { password }),
    database: take("dbname") ?? settings.get("database") ?? user,
    application_name: take("application_name") ?? "sluice",
    connectionTimeoutMillis: 1000 * (Number(take("connect_timeout")) || CONNECT_SECONDS),
    ...runtimeParameters(settings),
  };
  const places = hosts.map((host, i) => ({ host, port: ports[i] ?? ports[0]! }));
  const candidates = places.flatMap((place) =>
    modes.map((ssl) => ({ ...base, ...place, ssl: place.host.startsWith("/") ? false : ssl })),
  );
  return {
    async connect(open) {
      let problem: unknown;
      let spare: PostgresConnection | undefined;
      for (const config of candidates) {
        try {
          const connection = await open(config);
          if (await fits(connection, question)) return connection;
          if (attributes === "prefer-standby" && !spare) spare = connection;
          else await connection.close();
          problem ??= new Error(`no host is ${attributes}`);
        } catch (error) {
          problem = worse(problem, error);
        }
      }
      if (spare) return spare;
      throw problem;
    },
  };
}

async function fits(connection: PostgresConnection, question: string): Promise<boolean> {
  if (question === "") return true;
  return (await connection.query(question)).rows[0]?.fits === true;
}

/** What the server said tells more than that it does not speak TLS. */
function worse(before: unknown, now: unknown): unknown {
  const { severity } = (before ?? {}) as { severity?: string };
  return severity === undefined ? now : before;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Fatal("connection_string: port is not a number from 1 to 65535");
  return port;
}

type Tls = ConnectionOptions | false;

/** What to try, in order: https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS */
function tlsModes(mode: string, root: string | undefined, cert: string | undefined, key: string | undefined): Tls[] {
  if (mode === "disable") return [false];
  const files: ConnectionOptions = {
    ...(root !== undefined && { ca: file("sslrootcert", root) }),
    ...(cert !== undefined && { cert: file("sslcert", cert) }),
    ...(key !== undefined && { key: file("sslkey", key) }),
  };
  const unchecked = { ...files, rejectUnauthorized: false };
  const authority = { ...files, checkServerIdentity: () => undefined };
  switch (mode) {
    case "allow":
      return [false, unchecked];
    case "prefer":
      return [unchecked, false];
    case "require":
      return [root === undefined ? unchecked : authority];
    case "verify-ca":
      return [authority];
    case "verify-full":
      return [files];
    default:
      throw new Fatal(
        "connection_string: sslmode is not one of disable, allow, prefer, require, verify-ca, verify-full",
      );
  }
}

function file(key: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Fatal(`connection_string: the file of ${key} cannot be read (${(error as NodeJS.ErrnoException).code})`, {
      cause: error,
    });
  }
}

/** All other keys are parameters of the server's session. */
function runtimeParameters(settings: ReadonlyMap<string, string>): { options?: string } {
  const flags: string[] = [];
  const options = settings.get("options");
  if (options) flags.push(options);
  for (const [key, value] of settings) {
    if (key === "options" || key === "database" || OF_THE_DRIVER.has(key)) continue;
    const name = key === "time_zone" ? "TimeZone" : key;
    flags.push(`-c ${name}=${value.replace(/[\\ ]/g, "\\$&")}`);
  }
  return flags.length > 0 ? { options: flags.join(" ") } : {};
}

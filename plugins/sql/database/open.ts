import { Fatal } from "@sluice/sdk";
import type { Database } from "./database.ts";
import { openPool } from "./pool.ts";
import type { ConnectionSettings } from "./settings.ts";

type Settings = Pick<ConnectionSettings, "type" | "connection_string" | "mysql">;

/** Drivers are loaded only where they are used: each takes megabytes. */
const OPEN: { readonly [type in Settings["type"]]: (settings: Settings) => Promise<Database> } = {
  async postgres({ connection_string }) {
    const [{ postgresDriver }, { postgresTarget }] = await Promise.all([
      import("./postgres/driver.ts"),
      import("./postgres/connection-string.ts"),
    ]);
    return openPool(postgresDriver(postgresTarget(connection_string)));
  },
  async mysql({ connection_string, mysql }) {
    const [{ mysqlDriver }, { parseDsn }] = await Promise.all([import("./mysql/driver.ts"), import("./mysql/dsn.ts")]);
    const types = { stringSize: mysql.default_string_size, wholeSeconds: mysql.disable_datetime_precision };
    return openPool(mysqlDriver(parseDsn(connection_string), types));
  },
  async sqlite({ connection_string }) {
    if (connection_string === "") throw new Fatal("connection_string must be the path of a file");
    const { sqliteDriver } = await import("./sqlite/driver.ts");
    return openPool(sqliteDriver(connection_string), { connections: 1 });
  },
};

/** Connects, and sees that the credentials are taken. Throws Retryable or Fatal. */
export function openDatabase(settings: Settings): Promise<Database> {
  return OPEN[settings.type](settings);
}

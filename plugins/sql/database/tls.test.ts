/** Encrypted connections to real servers with a certificate of their own. */
import { execFileSync } from "node:child_process";
import { chownSync, copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CouldNotRun } from "../../../test/support/could-not-run.ts";
import { startMariadb, type TestMariadb } from "../../../test/support/mariadb.ts";
import { startPostgres, type TestPostgres } from "../../../test/support/postgres.ts";
import { openDatabase } from "./open.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-tls-"));
const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
const mysql = { default_string_size: 0, disable_datetime_precision: false };
let postgres: TestPostgres;
let mariadb: TestMariadb;

beforeAll(async () => {
  try {
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const files = ["-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...name, ...files], {
      stdio: "ignore",
    });
  } catch (error) {
    throw new CouldNotRun("openssl is missing, or makes no certificate", { cause: error });
  }
  execFileSync("chmod", ["-R", "a+rX", folder]);
  [postgres, mariadb] = await Promise.all([
    startPostgres(),
    startMariadb({ flags: { "ssl-cert": cert, "ssl-key": key } }),
  ]);
  // Its key must be the server's own.
  const { uid, gid } = statSync(postgres.folder);
  for (const [from, name] of [
    [cert, "server.crt"],
    [key, "server.key"],
  ] as const) {
    const to = join(postgres.folder, "data", name);
    copyFileSync(from, to);
    chownSync(to, uid, gid);
    execFileSync("chmod", ["600", to]);
  }
  await postgres.query("ALTER SYSTEM SET ssl = on");
  await postgres.query("SELECT pg_reload_conf()");
  while ((await postgres.query("SHOW ssl"))[0]!.ssl !== "on");
});

afterAll(async () => {
  await Promise.all([postgres?.stop(), mariadb?.stop()]);
  rmSync(folder, { recursive: true });
});

/** What the server says of a connection by this string. */
async function ask(type: "postgres" | "mysql", connection_string: string, question: string): Promise<unknown> {
  const database = await openDatabase({ type, connection_string, mysql } as never);
  try {
    return (await database.query(question)).rows[0];
  } finally {
    await database.close();
  }
}

test("PostgreSQL", async () => {
  const dsn = `host=localhost port=${postgres.port} user=sluice dbname=postgres`;
  const encrypted = (more: string) =>
    ask("postgres", `${dsn} ${more}`, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
  expect(await encrypted("")).toEqual({ ssl: true });
  expect(await encrypted("sslmode=disable")).toEqual({ ssl: false });
  expect(await encrypted("sslmode=allow")).toEqual({ ssl: false });
  expect(await encrypted("sslmode=require")).toEqual({ ssl: true });
  expect(await encrypted(`sslmode=verify-full sslrootcert=${cert}`)).toEqual({ ssl: true });
  expect(await encrypted(`sslmode=verify-ca sslrootcert=${cert} host=127.0.0.1`)).toEqual({ ssl: true });
  await expect(encrypted("sslmode=verify-full")).rejects.toMatchObject({ code: "SLUICE_SINK_FATAL" });
  await expect(encrypted(`sslmode=verify-full sslrootcert=${cert} host=127.0.0.1`)).rejects.toMatchObject({
    code: "SLUICE_SINK_FATAL",
  });
});

test("MariaDB", async () => {
  const encrypted = async (more: string) => {
    const row = await ask(
      "mysql",
      `root@tcp(localhost:${mariadb.port})/sluice${more}`,
      "SHOW STATUS LIKE 'Ssl_version'",
    );
    return (row as { Value: string }).Value !== "";
  };
  expect(await encrypted("")).toBe(false);
  expect(await encrypted("?tls=skip-verify")).toBe(true);
  expect(await encrypted("?tls=preferred")).toBe(true);
  await expect(encrypted("?tls=true")).rejects.toMatchObject({ code: "SLUICE_SINK_FATAL" });
});

/** Connection strings: what is read of them, and what is tried. */
import type { ClientConfig } from "pg";
import { describe, expect, test } from "vitest";
import { parseDsn } from "./mysql/dsn.ts";
import { postgresTarget } from "./postgres/connection-string.ts";
import { parseKeywords } from "./postgres/keywords.ts";

/** What is tried, in order, if every host refuses. */
async function tries(text: string, env: NodeJS.ProcessEnv = {}): Promise<ClientConfig[]> {
  const tried: ClientConfig[] = [];
  await postgresTarget(text, env)
    .connect(async (config) => {
      tried.push(config);
      throw new Error("refused");
    })
    .catch(() => {});
  return tried;
}

describe("PostgreSQL", () => {
  test.each([
    ["host=h port=1 user=u password=p dbname=d", { host: "h", port: "1", user: "u", password: "p", dbname: "d" }],
    [" host = h  password = 'a b\\'c\\\\' ", { host: "h", password: "a b'c\\" }],
    ["password=a\\ b", { password: "a b" }],
    ["password=''", { password: "" }],
    [
      "postgres://u:p%40%2F@h:6000/d?sslmode=disable&x=a%20b",
      { user: "u", password: "p@/", host: "h", port: "6000", dbname: "d", sslmode: "disable", x: "a b" },
    ],
    ["postgres://u:p@:@h/d?options=a@b", { user: "u", password: "p@:", host: "h", dbname: "d", options: "a@b" }],
    ["postgresql://h", { host: "h" }],
    ["postgres://u@a:1,b,[::1]:3/d", { user: "u", host: "a,b,::1", port: "1,5432,3", dbname: "d" }],
    ["postgres:///d?host=/run/sockets", { dbname: "d", host: "/run/sockets" }],
  ])("%s", (text, expected) => {
    expect(Object.fromEntries(parseKeywords(text))).toEqual(expected);
  });

  test("prefers to encrypt, and does so unchecked unless it is told to check", async () => {
    const modes = async (text: string) => (await tries(`host=h ${text}`)).map(({ ssl }) => ssl);
    expect(await modes("")).toEqual([{ rejectUnauthorized: false }, false]);
    expect(await modes("sslmode=disable")).toEqual([false]);
    expect(await modes("sslmode=allow")).toEqual([false, { rejectUnauthorized: false }]);
    expect(await modes("sslmode=require")).toEqual([{ rejectUnauthorized: false }]);
    expect(await modes("sslmode=verify-full")).toEqual([{}]);
    expect(await modes("sslmode=verify-ca")).toEqual([{ checkServerIdentity: expect.any(Function) }]);
    expect((await tries("host=/run/s")).map(({ ssl }) => ssl)).toEqual([false, false]);
  });

  test("tries each host, and takes what is missing from variables", async () => {
    const env = { PGUSER: "eve", PGPASSWORD: "p", PGDATABASE: "d", PGPORT: "7", PGSSLMODE: "disable", PGHOST: "other" };
    expect(await tries("host=a,b", env)).toMatchObject([
      { host: "a", port: 7, user: "eve", password: "p", database: "d" },
      { host: "b", port: 7 },
    ]);
  });

  test("hands other keys to the server's session", async () => {
    const [config] = await tries("host=h search_path='a, b' TimeZone=UTC statement_cache_capacity=5 options='-c a=b'");
    expect(config!.options).toBe("-c a=b -c search_path=a,\\ b -c TimeZone=UTC");
    expect((await tries("host=h time_zone=Europe/Berlin"))[0]!.options).toBe("-c TimeZone=Europe/Berlin");
  });
});

describe("MySQL", () => {
  test.each([
    ["u:p@tcp(h:1)/d", { host: "h", port: 1, user: "u", password: "p", database: "d" }],
    ["u:p@:/w?rd@tcp([::1]:1)/d?loc=Local", { host: "::1", port: 1, user: "u", password: "p@:/w?rd", database: "d" }],
    ["u@tcp(h)/d", { host: "h", port: 3306, user: "u", password: "" }],
    ["u@tcp/d", { host: "127.0.0.1", port: 3306 }],
    ["/d", { host: "127.0.0.1", port: 3306, user: "", database: "d" }],
    ["u@unix(/run/my.sock)/d", { socketPath: "/run/my.sock", database: "d" }],
    ["mysql://u:p%40@h:7/d", { host: "h", port: 7, user: "u", password: "p@", database: "d" }],
  ])("%s", (text, expected) => {
    expect(parseDsn(text).options).toMatchObject(expected);
  });

  test("parameters of the driver, and of the server", () => {
    const target = parseDsn(
      "u:a?b@tcp(h)/d?charset=latin1&parseTime=True&loc=Europe%2FBerlin&timeout=1m30s&tls=preferred&sql_mode=%27ANSI%27",
    );
    expect(target.options).toMatchObject({ charset: "utf8mb4", connectTimeout: 90_000 });
    expect(target).toMatchObject({ loc: "Europe/Berlin", ssl: { rejectUnauthorized: false }, plainToo: true });
    expect([...target.variables]).toEqual([["sql_mode", "'ANSI'"]]);
    expect(parseDsn("u@tcp(h)/d?allowCleartextPasswords=true").options.enableCleartextPlugin).toBe(true);
    expect(parseDsn("u@tcp(h)/d?allowCleartextPasswords=0").options.enableCleartextPlugin).toBe(false);
    expect(parseDsn("u@tcp(h)/d").ssl).toBe(undefined);
    expect(parseDsn("u@tcp(h)/d?tls=skip-verify").ssl).toEqual({ rejectUnauthorized: false });
  });
});

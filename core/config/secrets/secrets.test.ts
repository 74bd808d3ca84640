import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { readConfig } from "../load.ts";
import { stopsTheStart } from "../problem.ts";
import type { Environment } from "../variables.ts";
import { isReference, parseReferences, readPointer } from "./reference.ts";
import { consul, type Receiver, receiver, vault } from "./testing.ts";

const lockFile = fileURLToPath(new URL("../testdata/plugins.lock.json", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-secrets-"));
const receivers: Receiver[] = [];
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await Promise.all(receivers.map((one) => one.close()));
});

async function started(one: Promise<Receiver>): Promise<Receiver> {
  const server = await one;
  receivers.push(server);
  return server;
}

let count = 0;

/** A sink `t` with this connection string, secret stores and whatever more. */
async function load(connection: unknown, stores: object | undefined, more: object = {}, env: Environment = {}) {
  const cwd = join(folder, String(count++));
  mkdirSync(cwd);
  const content = {
    dont_purge_uptime_data: true,
    pumps: { csv: {}, t: { type: "table", meta: { connection_string: connection } } },
    ...(stores && { kv: { stores } }),
    ...more,
  };
  writeFileSync(join(cwd, "pump.conf"), JSON.stringify(content, null, 2));
  const loaded = await readConfig({ env, cwd, lockFile });
  const sink = loaded.config.sinks.find(({ name }) => name === "t");
  return { ...loaded, connection: (sink?.config as { connection_string?: string } | undefined)?.connection_string };
}

const env = { type: "env", config: { prefix: "APP_" } };
const inline = (data: object) => ({ type: "inline", config: { data } });

describe("references", () => {
  test.each([
    ["kv://s/a/b", ["s", "a/b", undefined]],
    ["kv://s/a#x/y", ["s", "a", "x/y"]],
    ["kv://s/$kv{a:b}", ["s", "$kv{a:b}", undefined]],
    ["$kv{s:a:b#c}", ["s", "a:b", "c"]],
  ])("%s", (text, [store, path, pointer]) => {
    expect(parseReferences(text)).toEqual([{ text, store, path, pointer }]);
  });

  test.each(["kv://", "kv://s", "kv://s/", "kv:///p", "a $kv{s", "$kv{s}", "$kv{:p}", "$kv{s:}"])(
    "%s is wrong",
    (text) => {
      expect(isReference(text)).toBe(true);
      expect(parseReferences(text)).toHaveProperty("error");
    },
  );

  test("in the middle of a text", () => {
    expect(parseReferences("a$kv{s:p}b$kv{s:q}")).toMatchObject(["a", { path: "p" }, "b", { path: "q" }]);
    expect(isReference("see kv://s/p")).toBe(false);
  });

  test.each([
    ["a", "text"],
    ["/a", "text"],
    ["n", "1.50"],
    ["t", "true"],
    ["z", "null"],
    ["o/x~1y", "1"],
    ["o/~0", "2"],
    ["l/1", "b"],
    ["l", '["a","b"]'],
    ["", '{"a":"text","n":1.50,"t":true,"z":null,"o":{"x/y":1,"~":2},"l":["a","b"]}'],
  ])("pointer %s", (pointer, value) => {
    const secret = '{"a":"text","n":1.50,"t":true,"z":null,"o":{"x/y":1,"~":2},"l":["a","b"]}';
    expect(readPointer(secret, pointer)).toBe(value);
  });

  test.each(["b", "a/b", "l/2", "l/-1", "l/x", "o/x/y", "__proto__"])("pointer %s finds nothing", (pointer) => {
    expect(readPointer('{"a":"text","l":["a","b"],"o":{}}', pointer)).toBeUndefined();
  });

  test("whatever is written, it is read without a throw", () => {
    const text = fc.array(fc.constantFrom("kv://", "$kv{", "}", ":", "/", "#", "a", "~", "0"), { maxLength: 12 });
    fc.assert(
      fc.property(text, (parts) => {
        const read = parseReferences(parts.join(""));
        if (!("error" in read))
          expect(read.map((one) => (typeof one === "string" ? one : one.text)).join("")).toBe(parts.join(""));
      }),
    );
  });
});

describe("local stores", () => {
  test("a variable, whole and in the middle of a text", async () => {
    const variables = { APP_DB: "pg://u:hunter2@h", APP_NAME: "n" };
    expect((await load("kv://e/DB", { e: env }, {}, variables)).connection).toBe("pg://u:hunter2@h");
    expect((await load("x-$kv{e:NAME}-$kv{e:NAME}", { e: env }, {}, variables)).connection).toBe("x-n-n");
  });

  test("a variable that is not set is empty, and that is said", async () => {
    const { connection, problems } = await load("a$kv{e:NONE}", { e: env });
    expect(connection).toBe("a");
    expect(problems).toMatchObject([{ severity: "warning", code: "SLUICE_CONFIG_SECRET", sink: "t" }]);
  });

  test("without a prefix only where that is meant", async () => {
    const open = { type: "env", config: { allow_no_prefix: true, uppercase: true } };
    expect((await load("kv://e/db", { e: open }, {}, { DB: "x" })).connection).toBe("x");
    const { problems } = await load("kv://e/DB", { e: { type: "env" } }, {}, { DB: "x" });
    expect(problems).toMatchObject([{ severity: "error", sink: "t", message: expect.stringContaining("no prefix") }]);
  });

  test("a file below its folder, and none outside it", async () => {
    const base = join(folder, "mounted");
    mkdirSync(join(base, "db"), { recursive: true });
    writeFileSync(join(folder, "outside"), "secret");
    writeFileSync(join(base, "db", "url"), "pg://h\r\n\n");
    symlinkSync(join(folder, "outside"), join(base, "link"));
    const f = { type: "file", config: { base_path: base } };
    expect((await load("kv://f/db/url", { f })).connection).toBe("pg://h");
    for (const path of ["../outside", "link", "db/../../outside", join(base, "db/url"), "none", "db"]) {
      const { connection, problems } = await load(`kv://f/${path}`, { f });
      expect(connection, path).toBeUndefined();
      expect(problems, path).toMatchObject([{ severity: "error", code: "SLUICE_CONFIG_SECRET", sink: "t" }]);
      expect(JSON.stringify(problems)).not.toContain('secret"');
    }
  });

  test("a resolved text is not looked at again", async () => {
    expect((await load("kv://e/A", { e: env }, {}, { APP_A: "kv://e/B", APP_B: "no" })).connection).toBe("kv://e/B");
  });
});

describe("remote stores", () => {
  test("Vault, both versions of its engine, one request a secret", async () => {
    const server = await started(vault({ "app/db": { url: "pg://h", port: 9007199254740993n.toString() } }));
    const v = { type: "hashicorp_vault", config: { address: server.address, token: "root" } };
    const both = await load("$kv{v:secret/app/db#url}:$kv{v:secret/app/db#port}", { v });
    expect(both.connection).toBe("pg://h:9007199254740993");
    expect(server.requests).toEqual(["GET /v1/secret/data/app/db"]);
    const old = { ...v, config: { ...v.config, kv_version: 1 } };
    expect((await load("kv://v/old/app/db#url", { v: old })).connection).toBe("pg://h");
    const mounted = { type: v.type, config: { kv_version: 2, mount_path: "secret" } };
    const byVariables = { VAULT_ADDR: server.address, VAULT_TOKEN: "root" };
    expect((await load("kv://v/secret/app/db#url", { v: mounted }, {}, byVariables)).connection).toBe("pg://h");
  });

  test("Vault's refusals are told apart", async () => {
    const server = await started(vault({ a: { b: "c" } }));
    const v = (token: string) => ({ type: "hashicorp_vault", config: { address: server.address, token } });
    const why = async (reference: string, token = "root") =>
      (await load(reference, { v: v(token) })).problems[0]?.message;
    expect(await why("kv://v/secret/none#x")).toMatch(/no secret "secret\/none"/);
    expect(await why("kv://v/secret/a#x")).toMatch(/not JSON that holds #x/);
    expect(await why("kv://v/secret/a#b", "wrong-token")).toMatch(/refuses the token/);
    expect(await why("kv://v/secret/../sys#b")).toMatch(/dot/);
  });

  test("a standby sends on to the active node; what is busy is asked again", async () => {
    const active = await started(vault({ a: { b: "c" } }));
    let busy = 2;
    const standby = await started(
      receiver((request, response) => {
        if (busy-- > 0) response.writeHead(503).end();
        else response.writeHead(307, { location: `${active.address}${request.url}` }).end();
      }),
    );
    const v = { type: "hashicorp_vault", config: { address: standby.address, token: "root" } };
    expect((await load("kv://v/secret/a#b", { v })).connection).toBe("c");
    expect(standby.requests).toHaveLength(3);
  });

  test("Consul", async () => {
    const server = await started(consul({ "app/db": "pg://h\n" }));
    const address = server.address.replace("http://", "");
    const c = { type: "hashicorp_consul", config: { address, token: "acl", datacenter: "dc 1" } };
    expect((await load("kv://c/app/db", { c })).connection).toBe("pg://h\n");
    expect(server.requests).toEqual(["GET /v1/kv/app/db?raw=&dc=dc+1"]);
    expect((await load("kv://c/app/none", { c })).problems[0]?.message).toMatch(/no key "app\/none"/);
    const refused = { type: c.type, config: { address } };
    expect((await load("kv://c/app/db", { c: refused })).problems[0]?.message).toMatch(/refuses the token/);
  });

  test("what does not answer is given up in time", async () => {
    const silent = await started(receiver(() => {}));
    const c = { type: "hashicorp_consul", config: { address: silent.address, timeout: "20ms" } };
    const { problems } = await load("kv://c/a", { c });
    expect(problems).toMatchObject([
      { severity: "error", sink: "t", message: expect.stringContaining("no answer within") },
    ]);
    const gone = { type: "hashicorp_vault", config: { address: "http://127.0.0.1:1", token: "x", max_retries: 0 } };
    expect((await load("kv://v/a/b", { v: gone })).problems[0]?.message).toMatch(/does not answer/);
  });

  test("an answer without an end is cut", async () => {
    const endless = await started(
      receiver((_, response) => {
        const write = () => response.write(Buffer.alloc(65536), (error) => error || write());
        write();
      }),
    );
    const c = { type: "hashicorp_consul", config: { address: endless.address } };
    expect((await load("kv://c/a", { c })).problems[0]?.message).toMatch(/larger than 1 MiB/);
  });

  test("its token may come from a local store, and not from itself", async () => {
    const server = await started(vault({ a: { b: "c" } }));
    const v = { type: "hashicorp_vault", config: { address: server.address, token: "kv://e/TOKEN" } };
    expect((await load("kv://v/secret/a#b", { v, e: env }, {}, { APP_TOKEN: "root" })).connection).toBe("c");
    const circle = { ...v, config: { ...v.config, token: "kv://v/secret/a#b" } };
    const { problems } = await load("kv://v/secret/a#b", { v: circle });
    expect(problems.some(({ message }) => message.includes("can only be read with them"))).toBe(true);
    expect(stopsTheStart(problems)).toBe(true);
  });
});

describe("in a configuration", () => {
  test("an undefined store, an unknown type, a type that is not built", async () => {
    expect((await load("kv://x/a", { e: env })).problems[0]?.message).toMatch(/no secret store "x"; there are: e/);
    expect((await load("x", { a: { type: "hashicorp_valt" } })).problems).toMatchObject([
      { severity: "warning", mend: 'Did you mean "hashicorp_vault"?' },
    ]);
    expect((await load("x", { a: { type: "aws_secrets_manager" } })).problems).toMatchObject([
      { severity: "warning", code: "SLUICE_CONFIG_SECRET_STORE" },
    ]);
    expect((await load("kv://a/b", undefined)).problems[0]?.message).toMatch(/there are: none/);
  });

  test("a required store that cannot be used stops the start, also if nothing refers to it", async () => {
    const gone = { type: "hashicorp_vault", config: { address: "http://127.0.0.1:1", token: "x", max_retries: 0 } };
    expect((await load("x", { v: gone })).problems).toEqual([]);
    const { problems } = await load("x", { v: { ...gone, required: true } });
    expect(problems).toMatchObject([
      { code: "SLUICE_CONFIG_SECRET_STORE", place: expect.stringMatching(/^pump.conf:\d+:\d+ kv.stores.v$/) },
    ]);
    expect(stopsTheStart(problems)).toBe(true);
  });

  test("TYK_PMP_KV_STORES replaces a store of the file as a whole", async () => {
    const variable = JSON.stringify({ i: { type: "inline", config: { data: { a: "new" } } } });
    const stores = { i: inline({ a: "old", b: "old" }), e: env };
    const { connection } = await load("$kv{i:a}$kv{e:X}", stores, {}, { TYK_PMP_KV_STORES: variable, APP_X: "y" });
    expect(connection).toBe("newy");
    expect((await load("x", {}, {}, { TYK_PMP_KV_STORES: "[" })).problems).toMatchObject([{ severity: "warning" }]);
  });

  test("in variables, lists, and the settings of Redis", async () => {
    const { config, problems } = await load(
      "x",
      { i: inline({ port: "7", name: "redis.example", org: "o" }) },
      {
        analytics_storage_config: { addrs: ["$kv{i:name}:1234"] },
      },
      {
        TYK_PMP_REDIS_PASSWORD: "kv://i/name",
        TYK_PMP_PUMPS_CSV_FILTERS_ORGSIDS: "kv://i/org, b",
        TYK_PMP_PUMPS_CSV_TIMEOUT: "kv://i/port",
      },
    );
    expect(config.log).toMatchObject({ password: "redis.example" });
    expect(JSON.stringify(config.log)).toContain("1234");
    expect(config.sinks[0]?.prepare.filters.orgIds).toEqual(["o", "b"]);
    expect(problems).toMatchObject([{ place: "TYK_PMP_PUMPS_CSV_TIMEOUT", severity: "warning" }]);
  });

  test("a reference of a sink stops that sink alone, one of Redis the start", async () => {
    const one = await load("kv://i/none", { i: inline({}) });
    expect(one.config.sinks.map(({ name }) => name)).toEqual(["csv"]);
    expect(stopsTheStart(one.problems)).toBe(false);
    const redis = { analytics_storage_config: { password: "kv://i/none" } };
    expect(stopsTheStart((await load("x", { i: inline({}) }, redis)).problems)).toBe(true);
  });

  test("no value of a secret is in problems, in the settings or in what an inspection shows", async () => {
    const data = { db: "pg://u:hunter2hunter2@h", level: "hunter3hunter3", n: "hunter4hunter4" };
    const loaded = await load(
      "kv://i/db",
      { i: inline(data) },
      {
        log_level: "kv://i/level",
        health_check_endpoint_port: "kv://i/n",
        analytics_storage_config: { addrs: ["kv://i/n"] },
      },
    );
    const shown = inspect(loaded.problems) + inspect(loaded.secrets, { depth: 9, showHidden: true });
    expect(shown).not.toMatch(/hunter/);
    expect(stopsTheStart(loaded.problems)).toBe(true);
    expect(loaded.hidden).toEqual(expect.arrayContaining([data.db, "hunter2hunter2", data.level]));
    const setting = loaded.settings().find(({ path }) => path === "pumps.t.meta.connection_string");
    expect(setting).toMatchObject({ secret: true, from: "file", reference: "kv://i/db" });
  });
});

describe("rotation", () => {
  test("a refresh tells what changed, and the next reading has it", async () => {
    const secrets: { [path: string]: { url: string } } = { a: { url: "one" }, b: { url: "same" } };
    const server = await started(vault(secrets));
    const v = { type: "hashicorp_vault", config: { address: server.address, token: "root", max_retries: 0 } };
    const loaded = await load("$kv{v:secret/a#url}$kv{v:secret/b#url}", { v });
    expect(loaded.connection).toBe("onesame");
    expect(await loaded.secrets.refresh()).toEqual([]);
    secrets.a = { url: "two" };
    expect(await loaded.secrets.refresh()).toEqual(["$kv{v:secret/a#url}"]);
    const again = await readConfig({
      env: {},
      cwd: join(folder, String(count - 1)),
      lockFile,
      secrets: loaded.secrets,
    });
    expect(again.config.sinks[1]).toMatchObject({ config: { connection_string: "twosame" } });
    delete secrets.a;
    const failed: string[] = [];
    expect(await loaded.secrets.refresh((text) => failed.push(text))).toEqual([]);
    expect(failed).toEqual(["$kv{v:secret/a#url}"]);
  });

  test("what is no longer referred to is not read any more, and a required store is tried again", async () => {
    const server = await started(vault({ a: { url: "one" } }));
    const v = { type: "hashicorp_vault", required: true, config: { address: server.address, token: "root" } };
    const loaded = await load("kv://v/secret/a#url", { v });
    const cwd = join(folder, String(count - 1));
    writeFileSync(join(cwd, "pump.conf"), JSON.stringify({ kv: { stores: { v } }, pumps: { csv: {} } }));
    await readConfig({ env: {}, cwd, lockFile, secrets: loaded.secrets });
    server.requests.length = 0;
    expect(await loaded.secrets.refresh()).toEqual([]);
    await readConfig({ env: {}, cwd, lockFile, secrets: loaded.secrets });
    expect(server.requests).toEqual(["GET /v1/auth/token/lookup-self"]);
  });
});

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../../test/support/pump.ts";
import { createLogger } from "../../logging/index.ts";
import { readConfig } from "../load.ts";
import { watchSecrets } from "./rotation.ts";
import { vault } from "./testing.ts";

const lockFile = fileURLToPath(new URL("../testdata/plugins.lock.json", import.meta.url));
const NEVER_MS = 3_600_000;

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-rotation-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A pump whose sink `t` has these connection strings in turn, read again each time that a rotation is noticed. */
async function usePump(connection: string, stores: object, everyMs: number) {
  const cwd = useFolder();
  const write = (connection_string: string) => {
    const pumps = { csv: {}, t: { type: "table", meta: { connection_string } } };
    writeFileSync(join(cwd, "pump.conf"), JSON.stringify({ dont_purge_uptime_data: true, kv: { stores }, pumps }));
  };
  write(connection);
  const { secrets, ...first } = await readConfig({ env: {}, cwd, lockFile });
  const connectionOf = ({ config }: Pick<typeof first, "config">) =>
    (config.sinks.find(({ name }) => name === "t")!.config as { connection_string: string }).connection_string;
  const lines: string[] = [];
  const logger = createLogger({ level: "info", format: "text", write: (line) => lines.push(line) });
  const seen = [connectionOf(first)];
  const told: string[][] = [];
  const faults: Error[] = [];
  const end = watchSecrets({
    secrets,
    everyMs,
    logger,
    async onRotated(references) {
      told.push(references);
      const fault = faults.shift();
      if (fault) throw fault;
      seen.push(connectionOf(await readConfig({ env: {}, cwd, lockFile, secrets })));
    },
  });
  onTestFinished(end);
  return {
    seen,
    told,
    faults,
    lines,
    write,
    end,
    saying: (text: string) => lines.filter((line) => line.includes(text)),
  };
}

async function useVault(secrets: { [path: string]: object }) {
  const server = await vault(secrets);
  onTestFinished(() => server.close());
  const config = { address: server.address, token: "root", max_retries: 0 };
  return { server, stores: { v: { type: "hashicorp_vault", config } } };
}

test("a secret that has changed in Vault is noticed at the next look, and told once", async () => {
  const secrets = { a: { url: "one" } };
  const { server, stores } = await useVault(secrets);
  const pump = await usePump("$kv{v:secret/a#url}", stores, 20);
  secrets.a = { url: "two" };
  await until(() => pump.seen.at(-1) === "two", "the new value");
  const looks = server.requests.length;
  await until(() => server.requests.length >= looks + 3, "more looks");
  expect(pump.told).toEqual([["$kv{v:secret/a#url}"]]);
  expect(pump.saying("Secrets have changed: $kv{v:secret/a#url}")).toHaveLength(1);
  expect(pump.lines.join()).not.toMatch(/"one"|"two"/);
  pump.end();
  const other = await usePump("$kv{v:secret/a#url}", stores, 20);
  secrets.a = { url: "three" };
  await until(() => other.seen.at(-1) === "three", "the new value, elsewhere");
  expect(pump.seen).toEqual(["one", "two"]);
});

test("one that cannot be read keeps its value; that is said once, and that it can be read again", async () => {
  const secrets: { a?: { url: string } } = { a: { url: "one" } };
  const { server, stores } = await useVault(secrets);
  const pump = await usePump("$kv{v:secret/a#url}", stores, 20);
  delete secrets.a;
  await until(() => pump.saying("cannot be read again").length > 0, "the warning");
  const looks = server.requests.length;
  await until(() => server.requests.length >= looks + 3, "more looks");
  secrets.a = { url: "one" };
  await until(() => pump.saying("can be read again").length > 0, "the end of it");
  expect(pump.saying("SLUICE_SECRET_MISSING")).toHaveLength(1);
  expect(pump.told).toEqual([]);
});

test("what could not be taken over is told again, with what has changed since", async () => {
  const secrets = { a: { url: "one" } };
  const { stores } = await useVault(secrets);
  const pump = await usePump("$kv{v:secret/a#url}", stores, 20);
  pump.faults.push(new Error("no reload now"), new Error("nor now"));
  secrets.a = { url: "two" };
  await until(() => pump.seen.length === 2, "the new value");
  expect(pump.told).toEqual(Array(3).fill(["$kv{v:secret/a#url}"]));
  expect(pump.saying("could not be taken over")).toHaveLength(2);
});

test("a file is read again as soon as it is written, wherever it lies below its store; another is not", async () => {
  const base = useFolder();
  mkdirSync(join(base, "db"));
  for (const name of ["user", "db/password"]) writeFileSync(join(base, name), "one\n");
  const files = { f: { type: "file", config: { base_path: base } } };
  const pump = await usePump("$kv{f:user}:$kv{f:db/password}", files, NEVER_MS);
  writeFileSync(join(base, "db/password"), "two\n");
  await until(() => pump.seen.at(-1) === "one:two", "the new password");
  // As editors do it.
  writeFileSync(join(base, ".new"), "three\n");
  renameSync(join(base, ".new"), join(base, "user"));
  await until(() => pump.seen.at(-1) === "three:two", "the new user");
  expect(pump.told).toEqual([["$kv{f:db/password}"], ["$kv{f:user}"]]);
});

test("a volume that Kubernetes exchanges is read again", async () => {
  const base = useFolder();
  const mount = (version: string) => {
    mkdirSync(join(base, `..${version}`));
    writeFileSync(join(base, `..${version}`, "password"), version);
    symlinkSync(`..${version}`, join(base, "..data_tmp"));
    renameSync(join(base, "..data_tmp"), join(base, "..data"));
  };
  mount("one");
  symlinkSync("..data/password", join(base, "password"));
  const pump = await usePump("kv://f/password", { f: { type: "file", config: { base_path: base } } }, NEVER_MS);
  expect(pump.seen).toEqual(["one"]);
  for (const version of ["two", "three"]) {
    mount(version);
    await until(() => pump.seen.at(-1) === version, version);
  }
});

test("after another reading, the files of that one are watched", async () => {
  const base = useFolder();
  for (const name of ["a", "b"]) writeFileSync(join(base, name), "one");
  const pump = await usePump("kv://f/a", { f: { type: "file", config: { base_path: base } } }, NEVER_MS);
  pump.write("kv://f/b");
  writeFileSync(join(base, "a"), "two");
  await until(() => pump.seen.length === 2, "the reading");
  writeFileSync(join(base, "b"), "two");
  await until(() => pump.seen.at(-1) === "two", "the new file's value");
  expect(pump.told).toEqual([["kv://f/a"], ["kv://f/b"]]);
});

test("with an interval of 0 nothing is looked at", async () => {
  const base = useFolder();
  writeFileSync(join(base, "a"), "one");
  const files = { f: { type: "file", config: { base_path: base } } };
  const pump = await usePump("kv://f/a", files, 0);
  const other = await usePump("kv://f/a", files, NEVER_MS);
  writeFileSync(join(base, "a"), "two");
  await until(() => other.seen.length === 2, "the new value, elsewhere");
  expect(pump.told).toEqual([]);
});

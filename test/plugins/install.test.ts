import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { sealed } from "../../core/plugins/lock.ts";
import { TestPump } from "../support/pump.ts";
import { numbered } from "../support/records.ts";
import { packageOf } from "../support/tarball.ts";
import { House } from "./house.ts";

let house: House;

beforeEach(async () => {
  house = new House();
  await house.open();
  house.publish("nanoid");
});

afterEach(() => house.close());

function running(pump: TestPump): TestPump {
  onTestFinished(async () => void (await pump.stop()));
  return pump;
}

const bundle = () => join(house.path("sluice-plugins"), house.lock.plugins[0]!.entry);
const LINES = () => ({ lines: { type: "tagged-lines", meta: { file: house.path("lines.txt") } } });

test("a plugin with a dependency: added from a tarball, locked, run", async () => {
  const tarball = house.example("with-dependency");
  const refused = await house.sluice("plugin", "add", tarball);
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("--accept") });
  expect(existsSync(house.path("sluice-plugins"))).toBe(false);

  const { code, out, err } = await house.sluice("plugin", "add", tarball, "--accept");
  expect([code, err]).toEqual([0, ""]);
  expect(out).toContain("see the environment variables: TAGGED_LINES_*");
  const [plugin] = house.lock.plugins;
  expect(plugin).toMatchObject({
    name: "sluice-plugin-tagged-lines",
    version: "1.2.0",
    requested: "file:../with-dependency.tgz",
    integrity: expect.stringMatching(/^sha512-/),
    files: { "plugin.js": expect.any(String) },
    dependencies: { "node_modules/nanoid": { version: expect.any(String), integrity: expect.any(String) } },
    types: [{ type: "tagged-lines", schema: { properties: { file: { path: "write" } } } }],
  });
  // The host's sdk, not a copy of it.
  expect(readFileSync(bundle(), "utf8")).toMatch(/from "@sluice\/sdk"/);
  expect((await house.sluice("plugin", "list")).out).toMatch(/^tagged-lines +sluice-plugin-tagged-lines +1\.2\.0/m);
  expect((await house.sluice("plugin", "info", "tagged-lines")).out).toMatch(
    /tag_length +a whole number +8 +Characters/,
  );

  const pump = running(house.pump(LINES()));
  await pump.start(numbered(300));
  await pump.delivered("lines", 300);
  const lines = readFileSync(house.path("lines.txt"), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => line.split(" ")[2])).toEqual(Array.from({ length: 300 }, (_, i) => `/${i}`));
  expect(lines[0]!.split(" ")[0]).toHaveLength(8);
});

test("a plugin with a native addon: in a process of its own, each record once", async () => {
  house.publish("better-sqlite3", ["deps", "src"]);
  const { code, out, err } = await house.sluice("plugin", "add", house.example("with-addon"), "--accept");
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/process of its own[\s\S]*run native code, which nothing confines/);
  const files = Object.keys(house.lock.plugins[0]!.files!);
  expect(files).toContain("plugin.js");
  expect(files).toContain("node_modules/better-sqlite3/prebuilds/linux-x64.node");
  expect(files.filter((path) => /\.(md|gyp|cpp)$/.test(path))).toEqual([]);

  const pump = running(house.pump({ rows: { type: "row-store", meta: { folder: house.folder } } }));
  await pump.start(numbered(500));
  await pump.delivered("rows", 500);
  const db = new DatabaseSync(house.path("rows.db"));
  expect(db.prepare("SELECT count(DISTINCT path) AS n, count(*) AS all_rows FROM rows").get()).toEqual({
    n: 500,
    all_rows: 500,
  });
  db.close();
});

test("the same inputs give the same lock and the same bytes", async () => {
  const tarball = house.example("with-dependency");
  await house.sluice("plugin", "add", tarball, "--accept");
  const before = { lock: house.lockText, bundle: readFileSync(bundle(), "utf8") };
  rmSync(house.path("sluice-plugins"), { recursive: true });
  rmSync(house.path("npm-cache"), { recursive: true });
  await house.sluice("plugin", "add", tarball, "--accept");
  expect({ lock: house.lockText, bundle: readFileSync(bundle(), "utf8") }).toEqual(before);
  // A folder packs to the same files.
  rmSync(house.path("sluice-plugins"), { recursive: true });
  await house.sluice("plugin", "add", fileURLToPath(new URL("with-dependency", import.meta.url)), "--accept");
  expect(readFileSync(bundle(), "utf8")).toBe(before.bundle);
});

test("install writes on a fresh machine what the lock says, and nothing else", async () => {
  house.example("with-dependency");
  await house.sluice("plugin", "add", "with-dependency.tgz", "--accept");
  const lock = house.lockText;
  const locked = readFileSync(bundle(), "utf8");
  rmSync(house.path("sluice-plugins/bundles"), { recursive: true });
  expect((await house.sluice("plugin", "verify")).code).toBe(1);
  // A newer version of the dependency is there meanwhile.
  const newer = { name: "nanoid", version: "3.99.0", type: "module", exports: "./index.js" };
  house.write("newer/package.json", JSON.stringify(newer));
  house.write("newer/index.js", "export const nanoid = () => 'evil';");
  house.registry.publish({ manifest: newer, archive: packageOf(house.path("newer")) });
  const said = await house.sluice("plugin", "install", "--frozen");
  expect(said).toMatchObject({ code: 0, out: "sluice-plugin-tagged-lines: written\n" });
  expect([house.lockText, readFileSync(bundle(), "utf8")]).toEqual([lock, locked]);
  expect((await house.sluice("plugin", "verify")).code).toBe(0);

  // Another package under the same name is drift; not a line of it runs.
  rmSync(house.path("sluice-plugins/bundles"), { recursive: true });
  house.example("with-addon", "with-dependency.tgz");
  house.publish("better-sqlite3", ["deps", "src"]);
  const drift = await house.sluice("plugin", "install", "--frozen");
  expect(drift).toMatchObject({ code: 1, err: expect.stringContaining("otherwise than plugins.lock.json says") });
  expect(house.lockText).toBe(lock);
});

test("from a registry: add, update with more rights, remove", async () => {
  const publish = (version: string, permissions: object) => {
    const manifest = JSON.parse(readFileSync(new URL("with-dependency/package.json", import.meta.url), "utf8"));
    manifest.version = version;
    manifest.sluice.permissions = permissions;
    house.write(`v${version}/package.json`, JSON.stringify(manifest));
    for (const file of ["index.ts", "conformance.ts"]) {
      house.write(`v${version}/${file}`, readFileSync(new URL(`with-dependency/${file}`, import.meta.url)));
    }
    house.registry.publish({ manifest, archive: packageOf(house.path(`v${version}`)) });
  };
  publish("1.0.0", {});
  const name = "sluice-plugin-tagged-lines";
  expect(await house.sluice("plugin", "add", name, "--accept")).toMatchObject({ code: 0, err: "" });
  expect(house.lock.plugins[0]).toMatchObject({ version: "1.0.0", requested: name });
  expect((await house.sluice("plugin", "update")).out).toContain("1.0.0 is up to date");

  publish("1.1.0", {});
  const update = await house.sluice("plugin", "update", name);
  expect(update).toMatchObject({ code: 0, out: expect.stringContaining("1.0.0 -> 1.1.0") });

  publish("1.2.0", { read: ["/etc/ssl"], childProcess: true });
  const wider = await house.sluice("plugin", "update", name);
  expect(wider).toMatchObject({ code: 1, err: expect.stringContaining("--accept") });
  expect(wider.out).toMatch(/More than it was granted:\n {2}read files: \/etc\/ssl\n {2}start other programs/);
  expect(house.lock.plugins[0]).toMatchObject({ version: "1.1.0", permissions: {} });
  expect((await house.sluice("plugin", "update", name, "--accept")).code).toBe(0);
  expect(house.lock.plugins[0]).toMatchObject({ version: "1.2.0", permissions: { read: ["/etc/ssl"] } });

  expect(readdirSync(house.path("sluice-plugins/bundles"))).toHaveLength(1);
  expect((await house.sluice("plugin", "remove", name)).code).toBe(0);
  expect((await house.sluice("plugin", "remove", name)).err).toContain("No plugin sluice-plugin-tagged-lines");
  const { out } = await house.sluice("plugin", "install");
  expect(out).toContain("Deleted, since no entry of the lock names them: 1 bundle.");
  expect(readdirSync(house.path("sluice-plugins/bundles"))).toEqual([]);
  expect((await house.sluice("plugin", "update")).out).toContain("nothing to update");
  expect((await house.sluice("plugin", "install")).out).toContain("No plugin is locked");

  writeFileSync(house.path("sluice-plugins/plugins.lock.json"), "{");
  expect((await house.sluice("plugin", "list")).err).toMatch(/plugins\.lock\.json: .*not JSON.* Restore it/);
});

test("what cannot be trusted does not start, and the rest does", async () => {
  await house.sluice("plugin", "add", house.example("with-dependency"), "--accept");
  const pumps = { ...LINES(), csv: { type: "csv", meta: { csv_dir: house.path("csv") } } };
  const problem = () => {
    const { config, problems } = house.load(pumps);
    expect(config.sinks.map(({ name }) => name)).toEqual(["csv"]);
    const [found] = problems.filter(({ sink }) => sink === "lines");
    return `${found!.severity} ${found!.code} ${found!.message} ${found!.mend}`;
  };
  const entry = house.lock.plugins[0]!;
  const text = readFileSync(bundle(), "utf8");

  writeFileSync(bundle(), `${text}\nprocess.exit(1);`);
  expect(problem()).toMatch(
    /^error SLUICE_CONFIG_PLUGINS .*plugin\.js is not what plugins\.lock\.json says.*sluice plugin install/,
  );
  rmSync(bundle());
  expect(problem()).toMatch(/cannot be read \(ENOENT\).*sluice plugin install/);
  writeFileSync(bundle(), text);
  expect(house.load(pumps).problems).toEqual([]);

  house.writeLock({ lockVersion: 1, plugins: [{ ...entry, permissions: { childProcess: true } }] });
  expect(problem()).toMatch(/changed by hand or by a merge.*sluice plugin update sluice-plugin-tagged-lines/);
  house.writeLock({ lockVersion: 1, plugins: [sealed({ ...entry, api: 7 })] });
  expect(problem()).toMatch(
    /written for version 7 of the sink contract; this Sluice speaks version 1\..*Update Sluice/,
  );
  house.writeLock({ lockVersion: 1, plugins: [sealed({ ...entry, features: ["time-travel"] })] });
  expect(problem()).toMatch(/needs what this Sluice does not have: time-travel/);
  house.writeLock({ lockVersion: 1, plugins: [entry, sealed({ ...entry, name: "twin" })] });
  expect(problem()).toMatch(/sluice-plugin-tagged-lines and twin both have the sink type "tagged-lines".*remove twin/);
  house.writeLock({ lockVersion: 1, plugins: [{ ...entry, source: "workspace" }] });
  expect(problem()).toMatch(/No plugin in plugins\.lock\.json has the sink type/);
  house.writeLock("<<<<<<< ours");
  expect(problem()).toMatch(/No plugin in plugins\.lock\.json has the sink type/);
  expect(house.load(pumps).problems.map(({ message }) => message)).toContain("The lock is not JSON.");
});

test("an operator may put any plugin into a process of its own", async () => {
  await house.sluice("plugin", "add", house.example("with-dependency"), "--accept");
  const { config } = house.load(LINES(), { sinks: { lines: { isolate: true } } });
  expect(config.sinks[0]!.plugin.isolation).toBe("process");
  const pump = running(new TestPump({}, {}, config.sinks));
  await pump.start(numbered(10));
  await pump.delivered("lines", 10);
});

test("a file that is changed between the check and the load is not run", async () => {
  await house.sluice("plugin", "add", house.example("with-dependency"), "--accept");
  const pump = running(house.pump(LINES()));
  writeFileSync(bundle(), "export default 1;");
  await pump.start(numbered(10));
  await expect
    .poll(() => pump.sink("lines").reason, { timeout: 10_000 })
    .toMatch(/plugin\.js is not what plugins\.lock\.json says/);
  expect(pump.sink("lines")).toMatchObject({ state: "suspended", delivered: 0 });
});

test("a type that is taken, and a configuration that does not fit the schema, are told", async () => {
  await house.sluice("plugin", "add", house.example("with-dependency"), "--accept");
  const twin = (name: string, types: string[]) => {
    const sluice = { api: 1, entry: "./index.ts", types, permissions: {}, isolation: "worker", features: [] };
    house.write(`${name}/package.json`, JSON.stringify({ name, version: "1.0.0", type: "module", sluice }));
    house.write(`${name}/index.ts`, "export default [];");
    return house.path(name);
  };
  const taken = await house.sluice("plugin", "add", twin("twin", ["tagged-lines"]), "--accept");
  expect(taken.err).toContain("sluice-plugin-tagged-lines already has the sink type tagged-lines. Remove that first");
  const own = await house.sluice("plugin", "add", twin("own", ["csv"]), "--accept");
  expect(own.err).toContain("@sluice/plugin-csv already has the sink type csv. It is part of Sluice");
  const { problems } = house.load({ lines: { type: "tagged-lines", meta: { tag_length: "long" } } });
  const told = problems.map(({ place, message, mend }) => `${place} ${message} ${mend}`).join("\n");
  expect(told).toMatch(/pumps\.lines\.meta\.tag_length The value must be a whole number, but is "long"/);
  expect(told).toMatch(/meta\.file must be set\. Set it in the file or by a variable/);
});

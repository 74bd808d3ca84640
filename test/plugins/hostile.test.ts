import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { tarball } from "../support/tarball.ts";
import { House } from "./house.ts";

/** Packages and registries that mean harm, or are just wrong: each ends with a sentence, and nothing is installed. */
let house: House;

beforeEach(async () => {
  house = new House();
  await house.open();
});

afterEach(async () => {
  expect(existsSync(house.path("sluice-plugins"))).toBe(false);
  expect(existsSync(house.path("EVIL"))).toBe(false);
  await house.close();
});

const SLUICE = { api: 1, entry: "./index.js", types: ["evil"], permissions: {}, isolation: "worker", features: [] };

async function add(manifest: object | string, files: { [path: string]: string } = {}): Promise<string> {
  const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
  const entries = Object.entries({ "package.json": text, "index.js": "", ...files });
  const archive = tarball(entries.map(([path, content]) => ({ path: `package/${path}`, content })));
  const error = await house.add(house.write("evil.tgz", archive));
  expect(error).toMatch(/^sluice: error: \P{C}+$/u);
  return error;
}

const manifest = (more: object = {}, sluice: object = {}) => ({
  name: "evil",
  version: "1.0.0",
  type: "module",
  sluice: { ...SLUICE, ...sluice },
  ...more,
});

test("manifests", async () => {
  const paths = (count: number) => Array.from({ length: count }, (_, i) => `/${i}`);
  const many = (count: number) => Object.fromEntries(paths(count).map((path) => [`a${path.slice(1)}`, "1"]));
  const attempts: [object | string, RegExp][] = [
    [{ name: "evil", version: "1.0.0" }, /has no "sluice" key: this package is no plugin/],
    [manifest({ name: "../../evil" }), /\/name/],
    [manifest({ version: "../1" }), /\/version/],
    [manifest({}, { api: 99 }), /written for version 99/],
    [manifest({}, { entry: "./../../../etc/passwd" }), /leads out of the package/],
    [manifest({}, { types: ["../../x"] }), /\/sluice\/types/],
    [manifest({}, { permissions: { read: ["../etc"] } }), /not absolute/],
    [manifest({}, { permissions: { everything: true } }), /\/sluice\/permissions\/everything/],
    [manifest({ dependencies: { etc: "file:/etc" } }), /a place of its author's machine/],
    [manifest({ padding: "x".repeat(2 << 20) }), /package\.json cannot be read/],
    [manifest({}, { types: Array.from({ length: 50_000 }, (_, i) => `t${i}`) }), /\/sluice\/types/],
    [manifest({}, { features: ["x".repeat(500_000)] }), /\/sluice\/features\/0/],
    [manifest({}, { permissions: { read: paths(10_000) } }), /\/sluice\/permissions\/read/],
    [manifest({}, { permissions: { write: [`/${"x".repeat(500_000)}`] } }), /\/sluice\/permissions\/write\/0/],
    [manifest({ dependencies: many(30_000) }), /\/dependencies/],
    [manifest({}, JSON.parse('{"__proto__":{"api":1},"constructor":1}')), /\/sluice\/(__proto__|constructor)/],
    ["[".repeat(500_000) + "]".repeat(500_000), /package\.json/],
    [`{"sluice":${"[".repeat(400_000)}${"]".repeat(400_000)}}`, /package\.json/],
  ];
  for (const [what, why] of attempts) expect(await add(what)).toMatch(why);
});

test("code", async () => {
  const attempts: [{ [path: string]: string }, RegExp][] = [
    [{ "index.js": "export default [];" }, /defines the types , but its manifest says evil/],
    [{ "index.js": `import ${JSON.stringify("../../../../../../etc/hostname.json")};` }, /cannot be bundled/],
    [
      { "index.js": `import x from ${JSON.stringify(house.write("secret.json", "{}"))}; export default x;` },
      /outside of it/,
    ],
    [{ "index.js": 'import { writeFileSync } from "node:fs"; writeFileSync("EVIL", "");' }, /was not granted: write/],
    [{ "index.js": "process.exit(0);" }, /ended with 0 before it was loaded/],
    [{ "index.js": "setInterval(() => {}, 1000); await new Promise(() => {});" }, /takes longer than 20 s/],
    [{ "index.js": "throw new Error('\\u001b[31mred\\nforged line')" }, /forged line/],
    [{ "index.js": "syntax error" }, /cannot be bundled/],
  ];
  for (const [files, why] of attempts) expect(await add(manifest(), files)).toMatch(why);
}, 90_000);

test("a schema without end", async () => {
  const index = `const deep = { type: "object", properties: {} };
    for (let i = 0; i < 50000; i++) deep.properties["key" + i] = { type: "string", description: "x".repeat(100) };
    export default { type: "evil", config: deep, open: async () => ({ write: async () => {} }) };`;
  expect(await add(manifest(), { "index.js": index })).toMatch(/schema is larger than/);
});

test("scripts do not run", async () => {
  const scripts = Object.fromEntries(
    ["preinstall", "install", "postinstall", "prepare", "prepack"].map((name) => [name, `touch ${house.path("EVIL")}`]),
  );
  await add(manifest({ scripts }), { "index.js": "export default 1;" });
  house.write("folder/package.json", JSON.stringify(manifest({ scripts })));
  house.write("folder/index.js", "export default 1;");
  expect(await house.add("./folder")).toMatch(/cannot be loaded/);
});

test("archives", async () => {
  const link = tarball([{ path: "package/package.json", kind: "2", target: "/etc/passwd" }]);
  const out = tarball([{ path: "package/../../EVIL", content: "x" }]);
  for (const archive of [link, out, Buffer.from("<html>404</html>")]) {
    expect(await house.add(house.write("evil.tgz", archive))).toMatch(/^sluice: error: This archive is not taken: /);
  }
});

test("registries", async () => {
  const answers = ["<html>", "{}", '{"name":"evil","versions":{"1.0.0":null}}', "[".repeat(5000)];
  for (const answer of answers) {
    house.registry.intercept = (_, response) => {
      response.setHeader("content-type", "application/json");
      response.end(answer);
      return true;
    };
    const { code, err } = await house.sluice("plugin", "add", "evil", "--accept");
    expect([code, err]).toEqual([1, expect.stringMatching(/^sluice: error: npm could not pack: [^\n]+\n$/)]);
  }
  house.registry.intercept = () => false;
  const missing = await house.sluice("plugin", "add", "@none/such", "--accept");
  expect(missing.err).toMatch(/npm could not pack: .*404/);
  // An archive that is not what the registry says it is.
  const archive = tarball([{ path: "package/package.json", content: JSON.stringify(manifest()) }]);
  house.registry.publish({ manifest: manifest() as never, archive });
  house.registry.intercept = (path, response) => {
    if (path.endsWith(".tgz")) response.end(tarball([{ path: "package/package.json", content: "{}" }]));
    return path.endsWith(".tgz");
  };
  expect((await house.sluice("plugin", "add", "evil", "--accept")).err).toMatch(/EINTEGRITY|integrity/);
});

test("a registry whose archive has no end", async () => {
  house.registry.publish({ manifest: manifest() as never, archive: Buffer.alloc(100) });
  house.registry.intercept = (path, response) => {
    if (!path.endsWith(".tgz")) return false;
    const zeros = Buffer.alloc(1 << 20);
    const more = () => {
      while (!response.destroyed && response.write(zeros));
    };
    response.on("drain", more).on("error", () => {});
    more();
    return true;
  };
  const { code, err } = await house.sluice("plugin", "add", "evil", "--accept");
  expect([code, err]).toEqual([1, expect.stringMatching(/^sluice: error: npm could not pack: .*EFBIG/)]);
});

test("names that lead out of the folder of plugins", async () => {
  for (const args of [["remove"], ["info"], ["update", "--accept"]]) {
    const { code, err } = await house.sluice("plugin", ...args, "../../../EVIL");
    expect([code, err]).toEqual([1, expect.stringMatching(/^sluice: error: No plugin /)]);
  }
  for (const name of ["..", "a b", "--x", "A", "x".repeat(100)]) {
    const { code, err } = await house.sluice("plugin", "create", "--", name);
    expect([name, code, err]).toEqual([name, 1, expect.stringMatching(/is no name of a sink type|is there already/)]);
  }
});

test("names that are options or nothing", async () => {
  for (const name of ["--prefix=/tmp", ""]) {
    const { code, err } = await house.sluice("plugin", "add", "--accept", "--", name);
    expect([code, err]).toEqual([1, expect.stringContaining("is no package")]);
  }
  expect((await house.sluice("plugin", "add", "./nothing", "--accept")).err).toContain("does not exist");
});

test("nothing is left in the temporary folder", async () => {
  mkdirSync(house.path("tmp"));
  vi.stubEnv("TMPDIR", house.path("tmp"));
  await add({ name: "evil", version: "1.0.0" });
  vi.unstubAllEnvs();
  expect(readdirSync(house.path("tmp"))).toEqual([]);
});

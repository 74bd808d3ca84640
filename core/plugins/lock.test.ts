import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { PluginError } from "./errors.ts";
import { formatLock, LockError, parseLock, readLock } from "./lock.ts";
import { lockFolder } from "./lock-folder.ts";
import { resolveType, typesOf } from "./resolve.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-lock-"));
mkdirSync(join(root, "node_modules"));
symlinkSync(fileURLToPath(new URL("../../node_modules/@sluice", import.meta.url)), join(root, "node_modules/@sluice"));
afterAll(() => rmSync(root, { recursive: true }));

/** A plugin with this entry, in a folder of its own. */
function plugin(name: string, types: string[], entry: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  const sluice = { api: 1, entry: "./index.ts", types, permissions: {}, isolation: "worker", features: [] };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "1.2.3", type: "module", sluice }));
  writeFileSync(join(folder, "index.ts"), entry);
  return folder;
}

const sink = (type: string, more = "") => `defineSink({
  type: "${type}",
  config: Type.Object({ url: Type.String({ secret: true, env: "URL" }), n: Type.Optional(Type.Integer({ default: 3 })) }),
  async open() { return { async write() {} }; }, ${more}
})`;
const imports = 'import { defineSink, Type } from "@sluice/sdk";\n';

describe("locking a folder", () => {
  test("describes its types, annotations included", async () => {
    const folder = plugin(
      "two",
      ["b", "a"],
      `${imports}export default [${sink("b", "single: true,")}, ${sink("a", 'decodes: false, reads: "uptime",')}];`,
    );
    const locked = await lockFolder(folder, root);
    expect(locked).toMatchObject({ name: "two", version: "1.2.3", entry: "./two/index.ts", api: 1 });
    const text = formatLock({ lockVersion: 1, plugins: [locked] });
    const lock = parseLock(text, "plugins.lock.json");
    expect(formatLock(lock)).toBe(text);
    expect(lock.plugins[0]?.types).toMatchObject([
      { type: "a", reads: "uptime", decodes: false, single: false },
      { type: "b", reads: "analytics", decodes: true, single: true },
    ]);
    expect(lock.plugins[0]?.types[0]?.schema).toEqual({
      type: "object",
      required: ["url"],
      properties: { url: { type: "string", secret: true, env: "URL" }, n: { type: "integer", default: 3 } },
    });
    expect(typesOf(lock)).toEqual(["a", "b"]);
    expect(resolveType(lock, "B", join(root, "plugins.lock.json"))).toMatchObject({
      plugin: { name: "two", version: "1.2.3", entry: new URL(`file://${root}/two/index.ts`).href },
      type: { type: "b" },
    });
    expect(resolveType(lock, "c", "x")).toBeUndefined();
  });

  test.each([
    ["throws", 'throw new Error("boom");', "boom"],
    ["exits", "process.exit(3);", "its process ended with 3"],
    ["has-no-sink", "export default 5;", "defineSink"],
    ["has-another-type", `${imports}export default ${sink("other")};`, "its manifest says"],
  ])("an entry that %s is a PluginError", async (name, entry, message) => {
    const attempt = lockFolder(plugin(name, ["x"], entry), root);
    await expect(attempt).rejects.toThrow(PluginError);
    await expect(attempt).rejects.toThrow(message);
  });
});

describe("reading a lock", () => {
  const entry = {
    name: "p",
    version: "1",
    source: "workspace",
    entry: "./p.ts",
    api: 1,
    features: [],
    permissions: {},
    isolation: "worker",
  };
  const type = { type: "t", reads: "analytics", decodes: true, single: false, schema: {} };

  test.each([
    ["not JSON", "<<<<<<< ours", "", "not JSON"],
    ["a newer version", { lockVersion: 2, plugins: [] }, " /lockVersion", "version 2"],
    ["no plugins", { lockVersion: 1 }, " /plugins", ""],
    ["an unknown key", { lockVersion: 1, plugins: [{ ...entry, types: [type], hash: "x" }] }, " /plugins/0/hash", ""],
    ["a wrong value", { lockVersion: 1, plugins: [{ ...entry, api: "1", types: [type] }] }, " /plugins/0/api", ""],
  ])("%s is a LockError with its place", (_, content, place, message) => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    expect(() => parseLock(text, "f.json")).toThrow(LockError);
    expect(() => parseLock(text, "f.json")).toThrow(
      expect.objectContaining({
        code: "SLUICE_LOCK_INVALID",
        place: `f.json${place}`,
        message: expect.stringContaining(message),
      }),
    );
  });

  test("no file is a LockError", () => {
    expect(() => readLock(join(root, "none.json"))).toThrow(
      expect.objectContaining({ code: "SLUICE_LOCK_UNREADABLE" }),
    );
  });
});

import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { confine } from "./confine.ts";
import { faultOfPermissions, grantedVariables, normalPermissions, sentencesOf, widening } from "./permissions.ts";

test("equal permissions are written equally", () => {
  expect(normalPermissions({ env: ["B", "A", "B"], read: ["/a/../b", "/b"], worker: false, write: [] })).toEqual({
    read: ["/b"],
    env: ["A", "B"],
  });
});

test.each([
  [{ read: ["/a"] }, { read: ["/a", "/a/b"] }, {}],
  [{ read: ["/a"] }, { read: ["/ab"] }, { read: ["/ab"] }],
  [{ read: ["/a/b"] }, { read: ["/a"] }, { read: ["/a"] }],
  [{ read: ["/a"] }, { read: ["/a/../etc"] }, { read: ["/etc"] }],
  [{ env: ["A_*"] }, { env: ["A_B", "A_*"] }, {}],
  [{ env: ["A_B"] }, { env: ["A_*"] }, { env: ["A_*"] }],
  [{ addons: true }, { childProcess: true, addons: true }, { childProcess: true }],
  [{ write: ["/a"] }, { read: ["/a"] }, { read: ["/a"] }],
])("from %j to %j is wider by %j", (granted, wanted, more) => {
  expect(widening(granted, wanted)).toEqual(more);
});

test("paths are absolute and have no wildcard", () => {
  expect(faultOfPermissions({ read: ["etc"] })).toMatch(/not absolute/);
  expect(faultOfPermissions({ write: ["/a/*"] })).toMatch(/has a \*/);
  expect(faultOfPermissions({ read: ["/etc/ssl"], write: ["/tmp"] })).toBeUndefined();
});

test("what is asked for is said in sentences", () => {
  expect(sentencesOf({ read: ["/etc/ssl"], addons: true })).toEqual([
    "read files: /etc/ssl",
    "run native code, which nothing confines",
  ]);
});

test("a plugin sees the variables it was granted and the zone", () => {
  const env = { A_1: "1", A_2: "2", B: "b", AWS_SECRET: "s", TZ: "UTC" };
  expect(grantedVariables({ env: ["A_*", "B"] }, env)).toEqual({ A_1: "1", A_2: "2", B: "b" });
  const plugin = { name: "p", version: "1", permissions: { env: ["B"] }, roots: [] };
  expect(confine(plugin, undefined, env).env).toEqual({ B: "b", TZ: "UTC" });
  expect(confine(plugin, undefined, {}).env).toEqual({});
});

test("flags: what may be written may be read, and folders that are missing may be made", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-confine-")));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "there"));
  const plugin = { name: "p", version: "1", permissions: { childProcess: true }, roots: ["/plugin"] };
  const { flags } = confine(plugin, { read: ["/ca.pem"], write: [join(folder, "there/a/b")] }, {});
  expect(flags).toEqual(expect.arrayContaining(["--permission", "--allow-child-process", "--allow-fs-read=/plugin/*"]));
  expect(flags).toContain("--allow-fs-read=/ca.pem");
  for (const kind of ["read", "write"]) {
    expect(flags).toContain(`--allow-fs-${kind}=${folder}/there/a/b/*`);
    expect(flags).toContain(`--allow-fs-${kind}=${folder}/there/a`);
    expect(flags).not.toContain(`--allow-fs-${kind}=${folder}/there`);
  }
  expect(flags.join(" ")).not.toMatch(/allow-(addons|worker|wasi|inspector)/);
});

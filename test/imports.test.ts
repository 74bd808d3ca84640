import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { read, sourceFiles } from "./sources.ts";

/** Imports run one way: core -> sdk <- plugins. Tests and benchmarks may use test/support. */

interface Package {
  name: string;
  dependencies?: { [name: string]: string };
  peerDependencies?: { [name: string]: string };
  devDependencies?: { [name: string]: string };
}

const root = packageOf(".");

/** Folders outside a file's own package that its relative imports may reach. */
const REACH: { [folder: string]: RegExp } = {
  scripts: /^core\//,
  test: /^(core|sdk|plugins|scripts)\//,
  bench: /^(core|sdk|plugins|scripts|test\/support)\//,
};

test("imports run one way", () => {
  const files = ["core", "sdk", "plugins", "test", "bench", "scripts"].flatMap((folder) =>
    sourceFiles(`${folder}/**/*.{ts,tsx,js}`),
  );
  expect(files.length).toBeGreaterThan(20);
  expect(files.flatMap((file) => faults(file, importsOf(read(file))))).toEqual([]);
});

test("what would turn them round is found", () => {
  const found = (file: string, specifier: string) => faults(file, [specifier]).length > 0;
  expect(found("core/actor/a.ts", "../../plugins/csv/index.ts")).toBe(true);
  expect(found("core/actor/a.ts", "@sluice/plugin-csv")).toBe(true);
  expect(found("core/actor/a.ts", "../../test/support/redis.ts")).toBe(true);
  expect(found("core/actor/a.test.ts", "../../test/support/redis.ts")).toBe(false);
  expect(found("sdk/sink/a.ts", "../../core/log/log.ts")).toBe(true);
  expect(found("sdk/sink/a.ts", "sluice")).toBe(true);
  expect(found("plugins/csv/a.ts", "../stdout/index.ts")).toBe(true);
  expect(found("plugins/csv/a.ts", "sluice/config")).toBe(true);
  expect(found("plugins/csv/a.ts", "ioredis")).toBe(true);
  expect(found("plugins/csv/a.ts", "@sluice/sdk/testing")).toBe(false);
  expect(found("test/plugins/with-addon/a.ts", "../../../core/log/log.ts")).toBe(true);
  expect(found("bench/a.ts", "../test/faults/crash.ts")).toBe(true);
});

const TEST_TOOLS = ["vitest", "fast-check"];

function faults(file: string, specifiers: readonly string[]): string[] {
  const folder = /^(plugins|test\/plugins)\/[^/]+(?=\/)/.exec(file)?.[0] ?? file.split("/")[0]!;
  const isTest = folder === "test" || file.endsWith(".test.ts") || TEST_TOOLS.some((tool) => specifiers.includes(tool));
  const allowed = (specifier: string): boolean => {
    if (isBuiltin(specifier)) return true;
    if (!specifier.startsWith(".")) return isDependency(specifier, folder, isTest);
    const target = normalize(join(dirname(file), specifier));
    if (target.startsWith(`${folder}/`) || REACH[folder]?.test(target)) return true;
    return isTest && target.startsWith("test/support/");
  };
  return specifiers.filter((specifier) => !allowed(specifier)).map((specifier) => `${file} imports ${specifier}`);
}

function isDependency(specifier: string, folder: string, isTest: boolean): boolean {
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  const own = folder === "scripts" ? root : packageOf(folder);
  const development = isTest || folder === "scripts" ? { ...root.devDependencies, ...own.devDependencies } : {};
  return name === own.name || name in { ...own.dependencies, ...own.peerDependencies, ...development };
}

function packageOf(folder: string): Package {
  return JSON.parse(read(join(folder, "package.json")));
}

/** Also what stands in comments or strings: close enough, and it errs on the strict side. */
function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"([^"\s\\]+)"/g)].map((match) => match[1]!);
}

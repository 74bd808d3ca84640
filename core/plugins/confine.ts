import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "./files.ts";
import { missingAbove, type Paths } from "./paths.ts";
import { grantedVariables, type Permissions } from "./permissions.ts";

/** What a plugin's thread or process may do: Node's permission flags, and all variables that it sees. */
export interface Confinement {
  flags: string[];
  env: { [name: string]: string };
  /** Where compiled code is kept. Each plugin has a folder of its own: one that it may write must not hold another's code. */
  compileCache: string;
}

const CORE = fileURLToPath(new URL("..", import.meta.url));
const CACHE = join(CORE, "../node_modules/.cache/sluice");

/** `roots`: folders that hold its code. `paths`: what its configuration names. */
export function confine(
  plugin: { name: string; version: string; permissions: Permissions; roots: readonly string[] },
  paths: Paths = { read: [], write: [] },
  env: { readonly [name: string]: string | undefined } = process.env,
): Confinement {
  const { permissions } = plugin;
  const compileCache = join(CACHE, "plugins", sha256(`${plugin.name} ${plugin.version}`).slice(0, 32));
  const write = [...(permissions.write ?? []), ...paths.write];
  const made = write.flatMap(missingAbove);
  const read = [...plugin.roots, ...(permissions.read ?? []), ...paths.read];
  const written = [...[...write, compileCache].flatMap(withContent), ...made];
  // Who may make a file may see whether its folder is there.
  const seen = [...[...hostCode(), ...read].flatMap(withContent), ...written, ...write.map((path) => dirname(path))];
  const flags = ["--permission", ...inOrder(seen, "--allow-fs-read"), ...inOrder(written, "--allow-fs-write")];
  if (permissions.addons) flags.push("--allow-addons");
  if (permissions.childProcess) flags.push("--allow-child-process");
  if (permissions.worker) flags.push("--allow-worker");
  return { flags, env: { ...zone(env), ...grantedVariables(permissions, env) }, compileCache };
}

/** Node forgets a path that it is told of behind a longer one which begins with it. */
function inOrder(paths: readonly string[], flag: string): string[] {
  return [...new Set(paths)].sort().map((path) => `${flag}=${path}`);
}

/** A path may be a file, a folder, or nothing yet: what is below it counts too. */
function withContent(path: string): string[] {
  return [path, join(path, "*")];
}

/** A plugin sees no variable that it was not granted but the zone that times are written in. */
function zone({ TZ }: { readonly [name: string]: string | undefined }): { [name: string]: string } {
  return TZ === undefined ? {} : { TZ };
}

/** The host's code that runs around a plugin: what it imports, and the links by which that is found. */
const hostCode = once(() => {
  const packages = [CORE, sdkFolder()].flatMap(moduleFolders).map((folder) => join(folder, "@sluice/sdk"));
  return [
    join(CORE, "actor"),
    join(CORE, "plugins"),
    sdkFolder(),
    ...new Set(packages.filter((path) => existsSync(path))),
  ];
});

/** The folder of the sdk that the host itself uses. */
export function sdkFolder(): string {
  return dirname(createRequire(import.meta.url).resolve("@sluice/sdk"));
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** The `node_modules` folders in which code in `folder` finds its packages. */
export function moduleFolders(folder: string): string[] {
  const found: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    const modules = join(at, "node_modules");
    // It may be a link, and Node asks for both.
    if (existsSync(modules)) found.push(...new Set([modules, realpathSync(modules)]));
    if (at === dirname(at)) return found;
  }
}

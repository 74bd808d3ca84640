import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join, relative, sep } from "node:path";
import type { BuildFailure, BuildResult } from "esbuild";
import { PluginError } from "./errors.ts";
import type { Manifest } from "./manifest.ts";

export const BUNDLE_ENTRY = "plugin.js";
const MODULES = "node_modules";
/** What of a native package is kept beside the bundle: what runs, and its licence. */
const KEPT = /\.(js|cjs|mjs|json|node|wasm|dylib|dll|so(\.\d+)*)$|^licen[cs]e/i;

/**
 * Bundles the package in `folder` and what it needs of `node_modules` into `out`: one file, plugin.js, and beside it the packages with
 * native code that cannot be bundled. The sdk stays out of it. The same package gives the same bytes, wherever it lies. Runs none of
 * its code. Throws PluginError.
 */
export async function bundle(folder: string, { name, sluice }: Manifest, out: string): Promise<void> {
  const natives = nativePackages(folder);
  const external = natives.map((path) => path.slice(path.lastIndexOf(`${MODULES}${sep}`) + MODULES.length + 1));
  const built = await build(
    folder,
    sluice.entry,
    external.map((path) => path.replaceAll(sep, "/")),
    name,
  );
  for (const input of Object.keys(built.metafile!.inputs)) {
    if (input.startsWith("..") || input.startsWith("/")) {
      throw new PluginError(
        "SLUICE_PLUGIN_BUNDLE",
        `${name} imports ${input}, which is outside of it. Correct the plugin.`,
      );
    }
  }
  mkdirSync(out, { recursive: true });
  for (const { path, contents } of built.outputFiles!) writeFileSync(join(out, basename(path)), contents);
  for (const path of withDependencies(folder, natives)) keep(folder, path, out);
}

async function build(folder: string, entry: string, external: string[], name: string): Promise<BuildResult> {
  const esbuild = await import("esbuild");
  try {
    return await esbuild.build({
      absWorkingDir: folder,
      entryPoints: { [basename(BUNDLE_ENTRY, ".js")]: entry },
      outdir: "out",
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      format: "esm",
      target: "node24",
      charset: "utf8",
      legalComments: "eof",
      logLevel: "silent",
      // A package's own settings could name files outside of it.
      tsconfigRaw: "{}",
      external: ["@sluice/sdk", ...external.flatMap((one) => [one, `${one}/*`])],
      define: { __dirname: "import.meta.dirname", __filename: "import.meta.filename" },
      loader: { ".node": "copy" },
    });
  } catch (error) {
    const [first] = (error as BuildFailure).errors ?? [];
    const place = first?.location ? ` (${first.location.file}:${first.location.line})` : "";
    const why = first ? `${first.text}${place}` : String(error);
    throw new PluginError("SLUICE_PLUGIN_BUNDLE", `${name} cannot be bundled: ${why}. Correct the plugin.`, error);
  }
}

/** Packages below `node_modules` that hold native code, by their paths. Links are refused: they lead elsewhere. */
function nativePackages(folder: string): string[] {
  const root = join(folder, MODULES);
  if (!existsSync(root)) return [];
  const found = new Set<string>();
  for (const { parentPath, name } of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(parentPath, name);
    if (lstatSync(path).isSymbolicLink()) {
      throw new PluginError(
        "SLUICE_PLUGIN_BUNDLE",
        `${relative(folder, path)} is a link. Depend on packages of a registry only.`,
      );
    }
    if (extname(name) === ".node") found.add(packageOf(relative(folder, path)));
  }
  return [...found].sort();
}

/** `node_modules/a/node_modules/@b/c/lib/x.node`: `node_modules/a/node_modules/@b/c`. */
function packageOf(path: string): string {
  const parts = path.split(sep);
  const at = parts.lastIndexOf(MODULES);
  return parts.slice(0, at + (parts[at + 1]!.startsWith("@") ? 3 : 2)).join(sep);
}

/** These packages and all that they need. */
function withDependencies(folder: string, packages: readonly string[]): Set<string> {
  const all = new Set<string>();
  const add = (path: string): void => {
    if (all.has(path)) return;
    all.add(path);
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(folder, path, "package.json"), "utf8"));
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const found = findPackage(folder, path, name);
      if (found) add(found);
    }
  };
  for (const path of packages) add(path);
  return all;
}

function findPackage(folder: string, from: string, name: string): string | undefined {
  for (let at = from; at !== "."; at = dirname(at)) {
    const path = join(at, MODULES, name);
    if (basename(at) !== MODULES && existsSync(join(folder, path, "package.json"))) return path;
  }
  const top = join(MODULES, name);
  return existsSync(join(folder, top, "package.json")) ? top : undefined;
}

function keep(folder: string, path: string, out: string): void {
  const nested = join(folder, path, MODULES);
  cpSync(join(folder, path), join(out, path), {
    recursive: true,
    filter: (file) => file !== nested && (lstatSync(file).isDirectory() || KEPT.test(basename(file))),
  });
}

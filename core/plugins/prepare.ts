import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BUNDLE_ENTRY, bundle } from "./bundle.ts";
import { PluginError } from "./errors.ts";
import { fetchPackage, type Request } from "./fetch.ts";
import { addressOf, hashFolder } from "./files.ts";
import type { LockedPlugin } from "./lock.ts";
import { incompatibility, type Manifest, readManifest } from "./manifest.ts";
import { runNpm } from "./npm.ts";
import { BUNDLES } from "./store.ts";
import { unpack } from "./tarball.ts";

const SDK = "@sluice/sdk";

/** A plugin that is fetched and bundled, and of which no code has run yet. */
export interface Prepared {
  manifest: Manifest;
  /** Its entry for the lock, but for what only its code can tell. */
  plugin: Omit<LockedPlugin, "types" | "seal">;
  /** Where its bundle lies for now. */
  bundle: string;
}

export interface PrepareOptions {
  /** Of the operator's plugins. */
  folder: string;
  /** An empty folder to use. */
  work: string;
  /** Where it is still the same archive, exactly its dependencies are installed again. */
  locked?: LockedPlugin;
}

/** Fetches, checks and bundles a plugin. Runs neither its scripts nor its code. Throws PluginError. */
export async function prepare(request: Request, { folder, work, locked }: PrepareOptions): Promise<Prepared> {
  const { archive, integrity } = await fetchPackage(request, folder, work);
  const source = join(work, "package");
  unpack(archive, source);
  const manifest = readManifest(source);
  const { name, version, sluice } = manifest;
  const { api, features, permissions, isolation, entry } = sluice;
  const conflict = incompatibility({ name, version, api, features });
  if (conflict) throw new PluginError("SLUICE_PLUGIN_API", `${conflict.message} ${conflict.mend}`);
  if (!existsSync(join(source, entry))) {
    throw new PluginError(
      "SLUICE_PLUGIN_MANIFEST",
      `${name} has no file ${entry}, which its manifest calls its entry. Correct it.`,
    );
  }
  const exact = locked?.integrity === integrity ? locked.dependencies : undefined;
  const tree = await installDependencies(source, manifest, exact);
  const out = join(work, "bundle");
  await bundle(source, manifest, out);
  const files = hashFolder(out);
  const plugin: Prepared["plugin"] = {
    name,
    version,
    source: "package",
    requested: request.spec,
    integrity,
    entry: `./${BUNDLES}/${addressOf(files)}/${BUNDLE_ENTRY}`,
    api,
    features,
    permissions,
    isolation,
    files,
    ...(tree && { dependencies: tree }),
  };
  return { manifest, plugin, bundle: out };
}

/** What npm installed for the package in `folder`; undefined: it needs nothing. */
async function installDependencies(
  folder: string,
  { name, dependencies = {}, optionalDependencies = {} }: Manifest,
  exact: LockedPlugin["dependencies"],
): Promise<LockedPlugin["dependencies"] | undefined> {
  const file = join(folder, "package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  const { [SDK]: _, ...needed } = dependencies;
  for (const [dependency, range] of Object.entries({ ...needed, ...optionalDependencies })) {
    if (!/^(file|link|workspace|portal):|^[./~]/.test(range)) continue;
    const message = `${name} depends on ${dependency} at ${range}, a place of its author's machine. Publish that package.`;
    throw new PluginError("SLUICE_PLUGIN_MANIFEST", message);
  }
  if (Object.keys({ ...needed, ...optionalDependencies }).length === 0) return undefined;
  // The sdk is the host's own; what is for the author's work alone is not needed.
  const { scripts: _s, devDependencies: _d, peerDependencies: _p, workspaces: _w, ...kept } = manifest;
  writeFileSync(file, JSON.stringify({ ...kept, dependencies: needed }));
  const lockFile = join(folder, "package-lock.json");
  if (exact)
    writeFileSync(lockFile, JSON.stringify(npmLock(kept.name, kept.version, needed, optionalDependencies, exact)));
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  const flags = ["--omit=dev", "--omit=peer", "--legacy-peer-deps", "--bin-links=false", "--package-lock=true"];
  await runNpm([exact ? "ci" : "install", ...flags], folder);
  return treeOf(JSON.parse(readFileSync(lockFile, "utf8")).packages);
}

interface NpmLock {
  [path: string]: { resolved?: string; [key: string]: unknown };
}

/** npm's own lock, but for the package itself and for where things came from: a registry may have another name elsewhere. */
function treeOf(packages: NpmLock): { [path: string]: unknown } {
  const tree: { [path: string]: unknown } = {};
  for (const [path, { resolved, funding: _, ...entry }] of Object.entries(packages)) {
    if (path === "") continue;
    tree[path] = resolved === undefined || /^https?:/.test(resolved) ? entry : { ...entry, resolved };
  }
  return tree;
}

function npmLock(
  name: string,
  version: string,
  dependencies: object,
  optionalDependencies: object,
  tree: object,
): object {
  const own = {
    name,
    version,
    dependencies,
    ...(Object.keys(optionalDependencies).length > 0 && { optionalDependencies }),
  };
  return { name, version, lockfileVersion: 3, requires: true, packages: { "": own, ...tree } };
}

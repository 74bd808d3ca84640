import { relative, resolve } from "node:path";
import { describePlugin } from "./describe.ts";
import type { LockedPlugin } from "./lock.ts";
import { readManifest } from "./manifest.ts";

/** The lock's entry for the plugin in `folder`, a package of this workspace; paths are relative to `root`. Throws PluginError. */
export async function lockFolder(folder: string, root: string): Promise<LockedPlugin> {
  const manifest = readManifest(folder);
  const { name, version, sluice } = manifest;
  const { api, features, permissions, isolation } = sluice;
  const entry = resolve(folder, sluice.entry);
  const types = await describePlugin(manifest, { entry, roots: [folder, root], files: null });
  const path = `./${relative(root, entry).replaceAll("\\", "/")}`;
  return { name, version, source: "workspace", entry: path, api, features, permissions, isolation, types };
}

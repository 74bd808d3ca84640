import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describePlugin } from "./describe.ts";
import type { LockedPlugin } from "./lock.ts";
import { PluginError, readManifest } from "./manifest.ts";

/** The lock's entry for the plugin in `folder`, a package of this workspace; paths are relative to `root`. Throws PluginError. */
export async function lockFolder(folder: string, root: string): Promise<LockedPlugin> {
  const { name, version, sluice } = readManifest(folder);
  const entry = resolve(folder, sluice.entry);
  const types = await describePlugin(pathToFileURL(entry).href);
  const found = types.map(({ type }) => type).sort();
  if (found.join() !== sluice.types.toSorted().join()) {
    const message = `${name} defines the types ${found.join(", ")}, but its manifest says ${sluice.types.join(", ")}.`;
    throw new PluginError("SLUICE_PLUGIN_ENTRY", `${message} Make them the same.`);
  }
  const { api, features, permissions, isolation } = sluice;
  const path = `./${relative(root, entry).replaceAll("\\", "/")}`;
  return { name, version, source: "workspace", entry: path, api, features, permissions, isolation, types };
}

import { globSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatLock } from "../core/plugins/lock.ts";
import { lockFolder } from "../core/plugins/lock-folder.ts";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The text of plugins.lock.json for the plugins of this repository. */
export async function workspaceLock(root = ROOT): Promise<string> {
  const folders = globSync("plugins/*/package.json", { cwd: root }).map((file) => join(root, dirname(file)));
  const plugins = await Promise.all(folders.map((folder) => lockFolder(folder, root)));
  return formatLock({ lockVersion: 1, plugins });
}

import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Paths below the root of the files that match, without what npm installed or a run left behind. */
export function sourceFiles(pattern: string): string[] {
  const exclude = ["**/node_modules/**", "**/.git/**", "data/**"];
  return globSync(pattern, { cwd: ROOT, exclude })
    .filter((path) => statSync(join(ROOT, path)).isFile())
    .sort();
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

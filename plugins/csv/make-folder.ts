import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** `mkdir -p`. Node's own never returns where a file system answers ENOENT though the parent is there (as /proc does). */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (code !== "ENOENT" || statSync(parent, { throwIfNoEntry: false })) throw error;
    makeFolder(parent);
    makeFolder(path);
  }
}

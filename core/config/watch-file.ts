import { readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Editors write a file in several steps, and a mounted volume is exchanged in several. */
const SETTLE_MS = 200;

/** Calls `changed` when the file has another content than before, be it written, moved there, or behind a link that is exchanged. Gives what ends it. */
export function watchFile(file: string, changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let before = read(file);
  const look = () => {
    const now = read(file);
    if (now === null || now === before) return;
    before = now;
    changed();
  };
  const watcher = watch(dirname(file), (_, name) => {
    // Kubernetes exchanges a link `..data`, which the files are behind.
    if (name !== null && name !== basename(file) && !name.startsWith("..")) return;
    clearTimeout(timer);
    timer = setTimeout(look, SETTLE_MS);
  });
  // The folder may go; what runs goes on.
  watcher.on("error", () => {});
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

/** Null: it is not there at the moment. */
function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

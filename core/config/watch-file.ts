import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { watchSettled } from "./watch-settled.ts";

/** Calls `changed` when the file has another content than before, be it written, moved there, or behind a link that is exchanged. Gives what ends it. */
export function watchFile(file: string, changed: () => void): () => void {
  let before = read(file);
  return watchSettled(dirname(file), {
    // Kubernetes exchanges a link `..data`, which the files are behind.
    isMeant: (name) => name === null || name === basename(file) || name.startsWith(".."),
    settled() {
      const now = read(file);
      if (now === null || now === before) return;
      before = now;
      changed();
    },
  });
}

/** Null: it is not there at the moment. */
function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

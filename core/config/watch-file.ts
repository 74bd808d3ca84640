import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { watchSettled } from "./watch-settled.ts";

/**
 * Calls `changed` when the file has another content than before, be it written, moved there, or behind a link that is exchanged.
 * `failed` hears it where the file's folder may not be read, or the system gives no more watches. Gives what ends it.
 */
export function watchFile(file: string, changed: () => void, failed: (error: unknown) => void): () => void {
  let before = read(file);
  try {
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
  } catch (error) {
    failed(error);
    return () => {};
  }
}

/** Null: it is not there at the moment. */
function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

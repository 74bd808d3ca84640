import { watch } from "node:fs";

/** Editors write a file in several steps, and a build writes many. */
const SETTLE_MS = 200;

/** Calls `changed` a moment after something in `folder` changed, packages and hidden files aside. Gives what ends it. */
export function watchFolder(folder: string, changed: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(folder, { recursive: true }, (_, path) => {
    if (path === null || /(^|[\\/])(node_modules|\.[^\\/]*)([\\/]|$)/.test(path)) return;
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLE_MS);
  });
  // The folder may go; the sink still runs.
  watcher.on("error", () => {});
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

import { watchSettled } from "../config/watch-settled.ts";

/** Calls `changed` a moment after something in `folder` changed, packages and hidden files aside. Gives what ends it. */
export function watchFolder(folder: string, changed: () => void): () => void {
  return watchSettled(folder, {
    recursive: true,
    isMeant: (path) => path !== null && !/(^|[\\/])(node_modules|\.[^\\/]*)([\\/]|$)/.test(path),
    settled: changed,
  });
}

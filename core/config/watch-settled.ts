import { type FSWatcher, watch } from "node:fs";

/** Editors write a file in several steps, a mounted volume is exchanged in several, and a build writes many files. */
const SETTLE_MS = 200;

export interface WatchSettledOptions {
  /** Folders below it too. Default false. */
  recursive?: boolean;
  /** Whether a change is of interest: of this path in the folder, or of one that the system does not name. */
  isMeant(path: string | null): boolean;
  /** A moment after the last change. */
  settled(): void;
}

/** Watches a folder. Gives what ends it. */
export function watchSettled(folder: string, { recursive = false, isMeant, settled }: WatchSettledOptions): () => void {
  let timer: NodeJS.Timeout | undefined;
  const begin = (): FSWatcher => {
    const begun = watch(folder, { recursive }, (_, path) => {
      if (!isMeant(path)) return;
      clearTimeout(timer);
      timer = setTimeout(over, SETTLE_MS);
    });
    // The folder may go; what runs goes on.
    return begun.on("error", () => {});
  };
  let watcher = begin();

  function over(): void {
    if (recursive) renew();
    settled();
  }

  /** On Linux, Node watches the files of a tree one by one, and does not see the one that has taken the place of another: editors save so. */
  function renew(): void {
    try {
      const next = begin();
      watcher.close();
      watcher = next;
    } catch {
      // The folder is gone.
    }
  }

  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

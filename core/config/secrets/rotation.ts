import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Logger } from "../../logging/logger.ts";
import type { Secrets } from "./secrets.ts";
import type { SecretError } from "./store.ts";

export interface RotationOptions {
  secrets: Secrets;
  /** From one look at all secrets to the next, ms; 0: they are not looked at again, nor are files watched. */
  everyMs: number;
  logger: Logger;
  /** These references have new values, which the next reading has. What it throws is logged; it is called again at the next look. */
  onRotated(references: string[]): Promise<void> | void;
}

/** A file is written in several steps; a mounted volume is exchanged in several. */
const SETTLE_MS = 200;

/**
 * Notices secrets that have changed: reads all of them again at an interval, and at once when a file of a file store changes.
 * One that cannot be read keeps its value. Gives what ends it.
 */
export function watchSecrets({ secrets, everyMs, logger, onRotated }: RotationOptions): () => void {
  const folders = new Map<string, Watched>();
  const failing = new Set<string>();
  /** Not taken over yet. */
  const rotated = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let looking = false;
  let hurried = false;
  let ended = everyMs === 0;

  const plan = (ms: number) => {
    clearTimeout(timer);
    if (!ended) timer = setTimeout(look, ms).unref();
  };

  const hurry = () => {
    // Not once more for each event: a file that changes all the time would never be read.
    if (hurried) return;
    hurried = true;
    if (!looking) plan(SETTLE_MS);
  };

  async function look(): Promise<void> {
    looking = true;
    hurried = false;
    const failed = new Map<string, SecretError>();
    for (const text of await secrets.refresh((text, error) => failed.set(text, error))) rotated.add(text);
    if (ended) return;
    tell(failed);
    if (rotated.size > 0) await takeOver();
    // By then it may have been ended: a stop need not wait for a reload.
    if (ended) return;
    followFiles();
    looking = false;
    plan(hurried ? SETTLE_MS : everyMs);
  }

  /** Once when a secret cannot be read, and once when it can again. */
  function tell(failed: ReadonlyMap<string, SecretError>): void {
    for (const [text, { code, message, mend }] of failed) {
      if (!failing.has(text))
        logger.warn(`${text} cannot be read again, and keeps its value: ${message} ${mend}`, { code });
      failing.add(text);
    }
    for (const text of failing) {
      if (failed.has(text)) continue;
      failing.delete(text);
      logger.info(`${text} can be read again`);
    }
  }

  async function takeOver(): Promise<void> {
    const references = [...rotated];
    rotated.clear();
    logger.info(`Secrets have changed: ${references.join(", ")}`);
    try {
      await onRotated(references);
    } catch (error) {
      for (const text of references) rotated.add(text);
      logger.error("The changed secrets could not be taken over, which is tried again", { error });
    }
  }

  /** What the last reading refers to, and what a former one did no more. */
  function followFiles(): void {
    const names = namesByFolder(secrets.files());
    for (const [folder, { watcher }] of folders) {
      if (names.has(folder)) continue;
      watcher.close();
      folders.delete(folder);
    }
    for (const [folder, wanted] of names) {
      const watched = folders.get(folder);
      if (watched) watched.names = wanted;
      else follow(folder, wanted);
    }
  }

  function follow(folder: string, names: ReadonlySet<string>): void {
    const forget = () => folders.delete(folder);
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        // Kubernetes exchanges a link `..data`, which the files are behind.
        if (name === null || name.startsWith("..") || folders.get(folder)?.names.has(name)) hurry();
      });
      // The folder has gone; it is looked for again each time.
      watcher.on("error", forget);
      folders.set(folder, { watcher, names });
    } catch {
      forget();
    }
  }

  if (!ended) followFiles();
  plan(everyMs);
  return () => {
    ended = true;
    clearTimeout(timer);
    for (const { watcher } of folders.values()) watcher.close();
    folders.clear();
  };
}

interface Watched {
  watcher: FSWatcher;
  names: ReadonlySet<string>;
}

/** What to watch in which folder: a file where it lies, and its first step where the store's folder is exchanged as a whole. */
function namesByFolder(files: readonly { folder: string; path: string }[]): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  const add = (folder: string, name: string) => names.set(folder, (names.get(folder) ?? new Set()).add(name));
  for (const { folder, path } of files) {
    const file = join(folder, path);
    add(join(folder), path.split("/").find(Boolean) ?? path);
    add(dirname(file), basename(file));
  }
  return names;
}

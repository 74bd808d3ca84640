import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { PluginError } from "./errors.ts";

/** SHA-256 of each file, by its path with forward slashes. */
export interface FileHashes {
  [path: string]: string;
}

export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** All files below `folder`. Links are refused: what they point to could change unseen. Throws PluginError. */
export function hashFolder(folder: string): FileHashes {
  const hashes: FileHashes = {};
  for (const { parentPath, name } of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(parentPath, name);
    const stat = lstatSync(file);
    if (stat.isDirectory()) continue;
    if (!stat.isFile()) throw new PluginError("SLUICE_PLUGIN_TAMPERED", `${file} is not a plain file. Remove it.`);
    hashes[relative(folder, file).replaceAll(sep, "/")] = sha256(readFileSync(file));
  }
  return hashes;
}

/** The name of a bundle with these files: equal content has an equal name. */
export function addressOf(files: FileHashes): string {
  const lines = Object.entries(files).map(([path, hash]) => `${hash} ${path}\n`);
  return sha256(lines.sort().join("")).slice(0, 32);
}

/**
 * Reads every file and compares it with its hash. Gives the content of `wanted`, so that what runs is what was checked.
 * Throws PluginError, with the file and what to do.
 */
export function readVerified(folder: string, files: FileHashes, wanted: string): Buffer {
  let content: Buffer | undefined;
  for (const [path, hash] of Object.entries(files)) {
    const read = readBundled(join(folder, path));
    if (sha256(read) !== hash) {
      throw tampered(`${join(folder, path)} is not what plugins.lock.json says: it was changed or damaged`);
    }
    if (path === wanted) content = read;
  }
  if (!content) throw tampered(`${join(folder, wanted)} has no hash in plugins.lock.json`);
  return content;
}

function readBundled(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw tampered(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

function tampered(what: string, cause?: unknown): PluginError {
  const mend = "Run `sluice plugin install` to write the bundle anew, or `sluice plugin update` if the lock is wrong.";
  return new PluginError("SLUICE_PLUGIN_TAMPERED", `${what}. ${mend}`, cause);
}

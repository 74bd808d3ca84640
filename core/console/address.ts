import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasFolder, type Instance, makeFolder } from "../control/instance.ts";

/** Where the console of an instance is, and which process serves it. */
export interface Address {
  pid: number;
  /** With the token. */
  url: string;
  /** The token where it was made; empty where the configuration names it. */
  token: string;
}

/**
 * In the instance's folder, for its owner alone. It stays when the pump ends, so that the next one has the same token, and a page
 * that waits for it goes on.
 */
function fileOf({ folder }: Instance): string {
  return join(folder, "console.json");
}

/** Null: none was written. Throws ControlError where the folder is not to be trusted. */
export function readAddress(instance: Instance): Address | null {
  if (!hasFolder(instance)) return null;
  try {
    const { pid, url, token } = JSON.parse(readFileSync(fileOf(instance), "utf8"));
    return { pid: Number(pid), url: String(url), token: String(token) };
  } catch {
    return null;
  }
}

export function writeAddress(instance: Instance, address: Address): void {
  makeFolder(instance);
  const file = fileOf(instance);
  // A new file in its place: the mode of one that is there would stay.
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(address)}\n`, { mode: 0o600 });
  renameSync(`${file}.${process.pid}`, file);
}

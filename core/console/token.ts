import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Instance, makeFolder } from "../control/instance.ts";

/** Characters; what is shorter can be guessed. */
export const LEAST_TOKEN = 16;

/** 192 bits, in letters that need no escape in a URL. */
export function newToken(): string {
  return randomBytes(24).toString("base64url");
}

/** Compares in constant time. */
export function tokenMatcher(token: string): (given: string) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const wanted = digest(token);
  return (given) => timingSafeEqual(digest(given), wanted);
}

/**
 * The token of an instance whose configuration names none: made once, kept for the owner alone. Throws ControlError where
 * the instance's folder is not to be trusted, and what the file system throws.
 */
export function instanceToken(instance: Instance): string {
  makeFolder(instance);
  const file = join(instance.folder, "console.token");
  if (!existsSync(file)) write(file, newToken());
  return readFileSync(file, "utf8").trim();
}

/** Of two processes that begin at once one makes it, and both read it. */
function write(file: string, token: string): void {
  try {
    const descriptor = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    writeSync(descriptor, token);
    closeSync(descriptor);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

import { type Browser, chromium } from "playwright-core";
import { CouldNotRun } from "./could-not-run.ts";
import { findProgram } from "./server.ts";

/** A real Chromium, without a window. */
export async function startChromium(): Promise<Browser> {
  const executablePath = findProgram("chromium", "/usr/bin/chromium");
  if (!executablePath) throw new CouldNotRun("chromium is missing; install it to run this");
  // Its sandbox needs another user than root.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args: [...args, "--disable-dev-shm-usage"] });
}

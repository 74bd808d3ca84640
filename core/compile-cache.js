// Plain JavaScript, loaded before any TypeScript: stripping types costs each thread 40 MB and a tenth of a second, and
// the compile cache holds the stripped code.
import module from "node:module";
import { fileURLToPath } from "node:url";

module.enableCompileCache?.(fileURLToPath(new URL("../node_modules/.cache/sluice", import.meta.url)));

/** Writes what was compiled. Node itself does so at an orderly exit only, and threads are ended otherwise. */
export function saveCompileCache() {
  module.flushCompileCache?.();
}

import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { sinkError } from "./errors.ts";

/** Whether rows could be written to this folder, or it could be made; a sentence. Throws Retryable or Fatal. Writes nothing. */
export function tryFolder(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    try {
      if (!statSync(at).isDirectory()) throw Object.assign(new Error("no folder"), { code: "ENOTDIR" });
      accessSync(at, constants.W_OK | constants.X_OK);
      return at === folder ? `${folder} can be written` : `${folder} will be made`;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // What lies above may be none of this plugin's business.
      if (code === "ERR_ACCESS_DENIED" && at !== folder) return `${folder} will be made`;
      if (code !== "ENOENT" || at === dirname(at)) throw sinkError(error, folder);
    }
  }
}

/** Writes plugins.lock.json for the plugins of this repository: `node scripts/lock.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, workspaceLock } from "./workspace-lock.ts";

writeFileSync(join(ROOT, "plugins.lock.json"), await workspaceLock());

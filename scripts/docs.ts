/** Fills the tables of docs/configuration.md and docs/sinks from the schemas: `node scripts/docs.ts`. */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readLock } from "../core/plugins/lock.ts";
import { withTables } from "./settings-tables.ts";
import { withSinkTables } from "./sink-tables.ts";
import { ROOT } from "./workspace-lock.ts";

const lock = readLock(join(ROOT, "plugins.lock.json"));
fill("docs/configuration.md", withTables);
for (const page of globSync("docs/sinks/*.md", { cwd: ROOT })) fill(page, (text) => withSinkTables(text, lock));

function fill(page: string, withTables: (text: string) => string): void {
  const file = join(ROOT, page);
  const text = readFileSync(file, "utf8");
  const filled = withTables(text);
  if (filled !== text) writeFileSync(file, filled);
}

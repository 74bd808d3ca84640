/** Fills the tables of docs/configuration.md from the schema: `node scripts/docs.ts`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withTables } from "./settings-tables.ts";
import { ROOT } from "./workspace-lock.ts";

const file = join(ROOT, "docs/configuration.md");
writeFileSync(file, withTables(readFileSync(file, "utf8")));

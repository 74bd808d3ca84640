/** Loads a plugin once, confined, and writes down what it exports: `{ types }` or `{ error }` as JSON to file descriptor 3. */
import { readFileSync, writeFileSync } from "node:fs";
import type { AnyDefinition } from "@sluice/sdk/runtime";
import { toWireError, withCause } from "@sluice/sdk/runtime";
import { loadDefinitions } from "./load.ts";
import type { LockedType } from "./lock.ts";

/** JSON drops what only TypeBox needs; the annotations stay. */
function describe({ type, reads = "analytics", config, decodes = true, single = false }: AnyDefinition): LockedType {
  return { type, reads, decodes, single, schema: JSON.parse(JSON.stringify(config)) };
}

const { entry, files } = JSON.parse(readFileSync(0, "utf8"));
try {
  const types = (await loadDefinitions(entry, files)).map(describe);
  answer({ types });
} catch (error) {
  answer({ error: withCause(toWireError(error)) });
}

function answer(description: object): never {
  writeFileSync(3, JSON.stringify(description));
  process.exit(0);
}

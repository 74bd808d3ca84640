import { parentPort, workerData } from "node:worker_threads";
import type { SinkDefinition } from "@sluice/sdk";
import type { LockedType } from "./lock.ts";

/** What the thread answers. */
export type Description = { types: LockedType[] } | { error: string };

/** The entry's default export: one definition or an array of them. */
function definitionsOf(entry: { default?: unknown }): SinkDefinition[] {
  const found: unknown[] = Array.isArray(entry.default) ? entry.default : [entry.default];
  for (const one of found) {
    if (!isDefinition(one)) throw new Error("the default export is not what defineSink gives, or an array of that");
  }
  return found as SinkDefinition[];
}

function isDefinition(value: unknown): value is SinkDefinition {
  const one = value as Partial<SinkDefinition> | null | undefined;
  return typeof one?.type === "string" && typeof one.open === "function" && typeof one.config === "object";
}

/** JSON drops what only TypeBox needs; the annotations stay. */
function describe({ type, reads = "analytics", config, decodes = true, single = false }: SinkDefinition): LockedType {
  return { type, reads, decodes, single, schema: JSON.parse(JSON.stringify(config)) };
}

let description: Description;
try {
  description = { types: definitionsOf(await import(workerData.entry)).map(describe) };
} catch (error) {
  description = { error: error instanceof Error ? error.message : String(error) };
}
parentPort?.postMessage(description);

/** Runs in a plugin's thread or process: brings its code in, exactly the code that the lock names. */
import { createRequire, registerHooks } from "node:module";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { AnyDefinition } from "@sluice/sdk/runtime";
import { type FileHashes, readVerified } from "./files.ts";

const SDK = "@sluice/sdk";

/**
 * The definitions that an entry exports by default. `entry`: a file URL. `files`: hashes of the bundle that it is part of; null where
 * it is of no bundle. The sdk is the host's, wherever it is imported from. Throws PluginError, TypeError and whatever the plugin throws.
 */
export async function loadDefinitions(entry: string, files: FileHashes | null): Promise<AnyDefinition[]> {
  const file = fileURLToPath(entry);
  const checked = files && readVerified(dirname(file), files, basename(file));
  if (checked) allowRequire(entry);
  hostSdk();
  registerHooks({
    // What was checked is what runs, whatever the file holds by now.
    load: (url, context, next) =>
      checked && url === entry ? { format: "module", source: checked, shortCircuit: true } : next(url, context),
  });
  const exported: unknown = (await import(entry)).default;
  const definitions: unknown[] = Array.isArray(exported) ? exported : [exported];
  if (!definitions.every(isDefinition)) {
    throw new TypeError("the default export is not what defineSink gives, or an array of that");
  }
  return definitions;
}

/** The one of them that has this type. */
export async function loadDefinition(entry: string, type: string, files: FileHashes | null): Promise<AnyDefinition> {
  const found = (await loadDefinitions(entry, files)).find((definition) => definition.type === type);
  if (!found) throw new TypeError(`the plugin's entry exports no sink of type "${type}" by default`);
  return found;
}

/** From now on the sdk is the host's own, whoever in this thread imports it. */
function hostSdk(): void {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === SDK || specifier.startsWith(`${SDK}/`)
        ? next(specifier, { ...context, parentURL: import.meta.url })
        : next(specifier, context),
  });
}

/** Packages of the older kind ask for built-in modules and native code by `require`, which a bundle has from here. */
function allowRequire(entry: string): void {
  (globalThis as { require?: NodeJS.Require }).require = createRequire(entry);
}

function isDefinition(value: unknown): value is AnyDefinition {
  const one = value as Partial<AnyDefinition> | null | undefined;
  return typeof one?.type === "string" && typeof one.open === "function" && typeof one.config === "object";
}

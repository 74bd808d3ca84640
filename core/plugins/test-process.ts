/** `sluice plugin test`: runs the conformance kit on the plugin in a folder and prints the report. Ends with 1 where a promise is broken. */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ConformanceFile } from "@sluice/sdk/testing";
import { conformanceOf, formatConformance } from "@sluice/sdk/testing";
import { linkSdk } from "./create.ts";
import { PluginError } from "./errors.ts";
import { loadDefinitions } from "./load.ts";
import { readManifest } from "./manifest.ts";

/** Whether each promise of each of its sinks is kept. Throws PluginError and what the plugin's own files throw. */
async function testPlugin(folder: string): Promise<boolean> {
  const { name, sluice } = readManifest(folder);
  if (sluice.test === undefined) {
    throw new PluginError(
      "SLUICE_PLUGIN_MANIFEST",
      `${name} does not say how it is tested: name a file under sluice.test in its package.json, as \`sluice plugin create\` does.`,
    );
  }
  linkSdk(folder);
  const definitions = await loadDefinitions(pathToFileURL(join(folder, sluice.entry)).href, null);
  const { default: file }: { default: ConformanceFile } = await import(pathToFileURL(join(folder, sluice.test)).href);
  let kept = true;
  for (const definition of definitions) {
    const report = await conformanceOf(definition, file);
    process.stdout.write(formatConformance(report));
    kept &&= report.kept;
  }
  return kept;
}

try {
  process.exit((await testPlugin(resolve(process.argv[2]!))) ? 0 : 1);
} catch (error) {
  // An author wants to see where it was thrown, unless it is a sentence for him.
  const said = error instanceof PluginError ? error.message : error instanceof Error ? error.stack : error;
  process.stderr.write(`sluice: error: ${said}\n`);
  process.exit(1);
}

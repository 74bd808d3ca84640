/** `sluice plugin test`: runs the conformance kit on the plugin in a folder and prints the report. Ends with 1 where a promise is broken. */
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ConformanceFile } from "@sluice/sdk/testing";
import { conformanceOf, formatConformance } from "@sluice/sdk/testing";
import { hostSdk, loadDefinitions } from "./load.ts";
import { readManifest } from "./manifest.ts";

const folder = resolve(process.argv[2]!);
const { name, sluice } = readManifest(folder);
if (sluice.test === undefined) {
  process.stderr.write(
    `sluice: error: ${name} does not say how it is tested: name a file under sluice.test in its package.json, as \`sluice plugin create\` does\n`,
  );
  process.exit(1);
}
const definitions = await loadDefinitions(pathToFileURL(join(folder, sluice.entry)).href, null);
hostSdk();
const { default: file }: { default: ConformanceFile } = await import(pathToFileURL(join(folder, sluice.test)).href);
let kept = true;
for (const definition of definitions) {
  const report = await conformanceOf(definition, file);
  process.stdout.write(formatConformance(report));
  kept &&= report.kept;
}
process.exit(kept ? 0 : 1);
